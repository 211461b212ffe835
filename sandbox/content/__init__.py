"""Content of runs in a bucket, for workers that share no folder."""

from sandbox.content.contract import ContentBucket, ContentSegment, ContentUnavailable, SegmentList
from sandbox.content.folder import FolderBucket
from sandbox.content.replica import Replica, is_replica
from sandbox.content.s3 import S3Bucket, S3Place

__all__ = [
    "ContentBucket",
    "ContentSegment",
    "ContentUnavailable",
    "FolderBucket",
    "Replica",
    "S3Bucket",
    "S3Place",
    "SegmentList",
    "is_replica",
]
