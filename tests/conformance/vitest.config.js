import { defineConfig } from "vitest/config"

// The suite's own command finds no tests where npm installs it: vitest passes node_modules over.
export default defineConfig({
  test: {
    include: ["streams.test.js"],
    testTimeout: 30_000,
    reporters: ["default", ["json", { outputFile: process.env.CONFORMANCE_REPORT ?? "report.json" }]],
  },
})
