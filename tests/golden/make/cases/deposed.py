"""Objects left over by a replacement whose destroy failed: a bucket that is not empty."""

from case import Apply, Case, hand

from .actions import DELETED

BUCKET = """resource "aws_s3_bucket" "b" {
  bucket = "NAME"
  tags = {
    Env = "prod"
  }
  lifecycle {
    create_before_destroy = true
  }
}
"""
B, LEFT = "aws_s3_bucket.b", "aws_s3_bucket.b (deposed)"


def bucket(name):
    return BUCKET.replace("NAME", name)


def filled(name):
    """The bucket cannot be destroyed from now on."""
    return hand("s3", "put_object", Bucket=name, Key="kept", Body=b"data")


def retagged(name):
    return hand("s3", "put_bucket_tagging", Bucket=name,
                Tagging={"TagSet": [{"Key": "Env", "Value": "hacked"}]})


SECOND = (filled("golden-1"), Apply(bucket("golden-2"), fails=True))
TAGS = {"tags.Env": "drift", "tags_all.Env": "drift"}

CASES = [
    Case("deposed", "the old bucket is left over, nothing else", bucket("golden-1"), bucket("golden-2"), SECOND,
         aws=True, findings={LEFT: DELETED}, more={"actions": {LEFT: "delete"}, "deposed": [B]}),
    Case("deposed_and_changed", "the same address twice: a left-over bucket, and the present one changed by hand",
         bucket("golden-1"), bucket("golden-2"), (*SECOND, retagged("golden-2")), aws=True,
         verdict="drifted_and_pending", findings={B: TAGS, LEFT: DELETED},
         more={"actions": {B: "update", LEFT: "delete"}, "deposed": [B]}),
    Case("deposed_changed", "the left-over bucket was changed by hand, the present one was not",
         bucket("golden-1"), bucket("golden-2"), (*SECOND, retagged("golden-1")), aws=True,
         findings={LEFT: DELETED}, more={"deposed": [B]}),
    Case("deposed_gone", "the left-over bucket was deleted by hand: nothing is left to do", bucket("golden-1"), bucket("golden-2"),
         (*SECOND, hand("s3", "delete_object", Bucket="golden-1", Key="kept"),
          hand("s3", "delete_bucket", Bucket="golden-1")), aws=True, exit=0, verdict="in_sync"),
    Case("deposed_and_replaced", "two left-over buckets and a replacement of the present one", bucket("golden-1"),
         bucket("golden-4"), (*SECOND, filled("golden-2"), Apply(bucket("golden-3"), fails=True)), aws=True,
         replace=(B,), findings={B: {"bucket": "pending"}, LEFT: DELETED, "aws_s3_bucket.b (deposed 2)": DELETED},
         more={"deposed": [B, B]}),
]
