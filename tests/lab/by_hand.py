"""What a person does to AWS by hand, as calls of the AWS SDK."""

import inspect
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


class Hands:
    """Each public method is an action of `lab.py aws`."""

    def __init__(self, endpoint):
        self._endpoint = endpoint

    def _client(self, service):
        return boto3.client(
            service,
            endpoint_url=self._endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
            config=Config(
                connect_timeout=10,
                read_timeout=30,
                proxies={},
                retries={"max_attempts": 1},
                s3={"addressing_style": "path"},
            ),
        )

    def create_bucket(self, bucket):
        """Makes a bucket."""
        self._client("s3").create_bucket(Bucket=bucket)

    def bucket_tags(self, bucket):
        """Prints a bucket's tags as a JSON object."""
        print(json.dumps(self._tags(bucket), sort_keys=True))

    def retag_bucket(self, bucket, key, value):
        """Sets one tag of a bucket and leaves its others."""
        tags = self._tags(bucket) | {key: value}
        self._client("s3").put_bucket_tagging(
            Bucket=bucket,
            Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]},
        )

    def _tags(self, bucket):
        try:
            answer = self._client("s3").get_bucket_tagging(Bucket=bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchTagSet":
                return {}
            raise
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}

    def open_port(self, group, port):
        """Opens a port of a security group to the world."""
        self._client("ec2").authorize_security_group_ingress(**self._rule(group, port))

    def close_port(self, group, port):
        """Takes that back."""
        self._client("ec2").revoke_security_group_ingress(**self._rule(group, port))

    def port_open(self, group, port):
        """Prints whether the world may reach a port, true or false."""
        rules = self._group(group)["IpPermissions"]
        is_open = any(
            rule.get("FromPort", 0) <= int(port) <= rule.get("ToPort", 65535)
            and any(cidr["CidrIp"] == "0.0.0.0/0" for cidr in rule["IpRanges"])
            for rule in rules
        )
        print(json.dumps(is_open))

    def _group(self, name):
        groups = self._client("ec2").describe_security_groups(
            Filters=[{"Name": "group-name", "Values": [name]}]
        )["SecurityGroups"]
        if len(groups) != 1:
            sys.exit(f"lab.py: {len(groups)} security groups are named {name}")
        return groups[0]

    def _rule(self, group, port):
        rule = {
            "IpProtocol": "tcp",
            "FromPort": int(port),
            "ToPort": int(port),
            "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
        }
        return {"GroupId": self._group(group)["GroupId"], "IpPermissions": [rule]}

    def create_queue(self, name):
        """Makes a queue."""
        self._client("sqs").create_queue(QueueName=name)

    def delete_queue(self, name):
        """Deletes a queue."""
        sqs = self._client("sqs")
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])

    def queue_exists(self, name):
        """Prints whether a queue is there, true or false."""
        urls = self._client("sqs").list_queues(QueueNamePrefix=name).get("QueueUrls", [])
        print(json.dumps(any(url.rsplit("/", 1)[-1] == name for url in urls)))

    def rotate_secret(self, parameter, value):
        """Overwrites an encrypted parameter."""
        self._client("ssm").put_parameter(
            Name=parameter, Value=value, Type="SecureString", Overwrite=True
        )

    def get_secret(self, parameter):
        """Prints a parameter, decrypted."""
        answer = self._client("ssm").get_parameter(Name=parameter, WithDecryption=True)
        print(answer["Parameter"]["Value"])

    def set_parameter(self, parameter, value):
        """Overwrites a plain parameter."""
        self._client("ssm").put_parameter(
            Name=parameter, Value=value, Type="String", Overwrite=True
        )

    def delete_parameter(self, parameter):
        """Deletes a parameter."""
        self._client("ssm").delete_parameter(Name=parameter)

    def list_objects(self, bucket):
        """Prints the keys in a bucket, one a line."""
        for entry in self._client("s3").list_objects_v2(Bucket=bucket).get("Contents", []):
            print(entry["Key"])

    def delete_object(self, bucket, key):
        """Deletes an object."""
        self._client("s3").delete_object(Bucket=bucket, Key=key)


def act(lab, action, arguments):
    """Does one action; ends the program with a message if that is not possible."""
    hands = Hands(lab["aws"])
    actions = {
        name.replace("_", "-"): method
        for name, method in inspect.getmembers(hands, inspect.ismethod)
        if not name.startswith("_")
    }
    if action not in actions:
        for name, method in actions.items():
            wanted = " ".join(inspect.signature(method).parameters).upper()
            print(f"{name} {wanted}: {inspect.getdoc(method)}")
        sys.exit(0 if action == "help" else 64)
    try:
        inspect.signature(actions[action]).bind(*arguments)
    except TypeError as error:
        sys.exit(f"lab.py: {action}: {error}")
    try:
        actions[action](*arguments)
    except ClientError as error:
        sys.exit(f"lab.py: {action}: {error}")
