import { runConformanceTests } from "@durable-streams/server-conformance-tests"

// The server is started with PENSTOCK_LONG_POLL_SECONDS=0.5.
runConformanceTests({ baseUrl: process.env.CONFORMANCE_URL, longPollTimeoutMs: 500, subscriptions: true })
