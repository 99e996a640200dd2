"""The local AWS: a background process on loopback that answers AWS's own APIs and really runs Lambda functions.

moto keeps the data services (S3, SQS, IAM, Logs, ...); CloudFormation (`cloudformation/`) and Lambda's data plane
(`functions/`) are our own, behind the same endpoint. Start reading at `server.py`; `daemon.py` starts and stops it.
"""
