//! A server that errs: what it says becomes an error without credentials, and nothing is lost.

use wiremock::matchers::{any, method, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;

#[test]
fn s3_that_errs() {
    check("faults::faults_child", None);
}

#[tokio::test]
#[ignore = "run by the test above in an environment of its own"]
async fn faults_child() {
    let data = tempfile::TempDir::new().unwrap();
    let server = MockServer::start().await;
    let artifacts = open(
        S3Settings {
            attempts: 2,
            ..settings(BUCKET, "", Some(&server.uri()))
        },
        data.path(),
        None,
    )
    .await
    .unwrap();
    let check = artifact(1, "check.json");
    artifacts.put(check.clone(), b"{}".to_vec()).await.unwrap();

    // The answer repeats what was sent.
    let echo = |request: &Request| {
        let token = request.headers.get("x-amz-security-token").unwrap();
        let token = token.to_str().unwrap();
        assert_eq!(token, "a-token-that-must-not-show");
        ResponseTemplate::new(403).set_body_string(format!(
            "<Error><Code>AccessDenied</Code><Message>{token} may not</Message></Error>"
        ))
    };
    Mock::given(any()).respond_with(echo).mount(&server).await;
    let error = upload(&artifacts).await.unwrap_err();
    insta::assert_snapshot!(format!("{error}\n{}", error.hint()), @r"
    cannot write an artifact in the bucket mooring-artifacts: AccessDenied: (sensitive) may not
    Allow s3:PutObject, s3:GetObject, s3:DeleteObject and s3:AbortMultipartUpload on the prefix, and s3:ListBucket and s3:ListBucketMultipartUploads on the bucket, for the credentials Mooring uses; with a key in KMS also kms:GenerateDataKey and kms:Decrypt on it.
    ");
    assert!(!format!("{error:?}{artifacts:?}").contains("that-must-not-show"));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    server.reset().await;

    // A proxy's own words are no answer of S3.
    let page = ResponseTemplate::new(407).set_body_string("<html>who are you?</html>");
    Mock::given(any()).respond_with(page).mount(&server).await;
    let error = upload(&artifacts).await.unwrap_err().to_string();
    assert!(error.ends_with("HTTP status 407"), "{error}");
    server.reset().await;

    // It is overloaded: tried again as often as configured.
    let busy = ResponseTemplate::new(503)
        .set_body_string("<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>");
    Mock::given(any()).respond_with(busy).mount(&server).await;
    let error = upload(&artifacts).await.unwrap_err();
    assert!(
        error.to_string().ends_with("SlowDown: Reduce your rate"),
        "{error}"
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
    server.reset().await;

    // An upload in parts that fails is aborted.
    let large = artifact(2, "apply.log");
    let ok = ResponseTemplate::new(200);
    Mock::given(method("PUT"))
        .and(query_param_is_missing("partNumber"))
        .respond_with(ok.clone())
        .expect(1)
        .mount(&server)
        .await;
    let begun =
        "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>";
    Mock::given(method("POST"))
        .respond_with(ok.clone().set_body_string(begun))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(query_param("partNumber", "1"))
        .respond_with(ok.insert_header("etag", "\"1\""))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(query_param("partNumber", "2"))
        .respond_with(ResponseTemplate::new(400))
        .mount(&server)
        .await;
    Mock::given(method("DELETE"))
        .and(query_param("uploadId", "u1"))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    let bytes = vec![b'x'; 20_000_000];
    artifacts.put(large.clone(), bytes.clone()).await.unwrap();
    upload(&artifacts).await.unwrap_err();
    server.verify().await;
    let kept = artifacts.get(&large).await.unwrap();
    assert!(kept.is_some_and(|kept| kept == bytes), "it still waits");
    let Artifacts::S3(spooled) = &artifacts else {
        panic!("a bucket");
    };
    assert_eq!(spooled.waiting(), 1);
}
