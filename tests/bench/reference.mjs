// The Node reference server of the Durable Streams project, file-backed: what `make bench` compares the log with.
import { DurableStreamTestServer } from '@durable-streams/server'

const [port, dataDir] = process.argv.slice(2)
const server = new DurableStreamTestServer({ port: Number(port), host: '127.0.0.1', dataDir, longPollTimeout: 20_000 })
await server.start()
