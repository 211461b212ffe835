# Go on top of another sandbox image. `go.sh` prepares the context.
ARG BASE
FROM ${BASE}
USER 0
COPY go /opt/go
RUN ln -s /opt/go/bin/go /usr/local/bin/go && ln -s /opt/go/bin/gofmt /usr/local/bin/gofmt
ENV GOTOOLCHAIN=local GOTELEMETRY=off GOCACHE=/tmp/go-build
USER 10001:10001
