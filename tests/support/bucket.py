"""An S3-style store of another hand: moto's server in a process of its own, which verifies every signature."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.support.processes import end

NAME, REGION = "crl-bucket", "ap-northeast-1"
_POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
_SET_UP = 4
"""Calls before signatures are asked for: the user, the policy, the access key, the bucket."""


@dataclass(frozen=True, slots=True)
class Store:
    """A running store with one bucket and one user who may use it."""

    endpoint: str
    key_id: str
    secret: str

    def client(self) -> Any:
        """Another hand's client, as that user."""
        return _client("s3", self.endpoint, self.key_id, self.secret)


@contextmanager
def running_store(folder: Path) -> Iterator[Store]:
    """The store; gone with everything in it afterwards."""
    environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(_SET_UP), "AWS_EC2_METADATA_DISABLED": "true"}
    with (folder / "store.log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=environment,
        )
        try:
            endpoint = _endpoint(process, folder / "store.log")
            iam = _client("iam", endpoint, "nobody", "nothing")
            iam.create_user(UserName="publisher")
            iam.put_user_policy(UserName="publisher", PolicyName="all", PolicyDocument=_POLICY)
            key = iam.create_access_key(UserName="publisher")["AccessKey"]
            place = {"LocationConstraint": REGION}
            _client("s3", endpoint, "nobody", "nothing").create_bucket(Bucket=NAME, CreateBucketConfiguration=place)
            yield Store(endpoint, key["AccessKeyId"], key["SecretAccessKey"])
        finally:
            end(process.pid, patience=10)
            process.wait()


def _client(service: str, endpoint: str, key_id: str, secret: str) -> Any:
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, proxies={})
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=config,
    )


def _endpoint(process: "subprocess.Popen[bytes]", log: Path) -> str:
    waited = threading.Event()
    for _ in range(300):
        found = re.search(r"Running on (http://127\.0\.0\.1:\d+)", log.read_text())
        if found is not None:
            return found[1]
        assert process.poll() is None, log.read_text()
        waited.wait(0.1)
    raise AssertionError(log.read_text())
