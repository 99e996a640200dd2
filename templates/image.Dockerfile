# What `builder = "docker"` builds: the layers that slsdeploy makes without an engine, in the same order, the stablest lowest.
# Its context has a folder for each part of the bundle, laid out as below /var: dependencies/task/numpy/... is /var/task/numpy/...
# A Dockerfile of your own begins and ends like this one; what the system lacks is installed behind FROM:
#
#     RUN dnf install -y libgomp && dnf clean all
ARG BASE=public.ecr.aws/lambda/python:3.13
FROM ${BASE}
WORKDIR /var/task
COPY dependencies/ /var/
COPY runtime/ /var/
COPY model/ /var/
COPY code/ /var/
CMD ["slsdeploy_runtime.app.handler"]
