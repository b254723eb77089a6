// Run inside a sandbox, as the reporter of node --test: prints what came of the tests, as JSON.
const WORD = process.env.PENSTOCK_REPORT;

export default async function* report(source) {
  const failed = [];
  let passed = 0;
  let skipped = 0;
  for await (const { type, data } of source) {
    if (type === "test:stdout" || type === "test:stderr") yield data.message;
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details?.type === "suite") continue;
    if (data.skip !== undefined || data.todo !== undefined) skipped += 1;
    else if (type === "test:pass") passed += 1;
    else {
      const cause = data.details.error?.cause ?? data.details.error;
      const message = `${cause?.name ?? "Error"}: ${cause?.message ?? cause}`;
      const path = (data.file ?? "").replace(`${process.cwd()}/`, "");
      failed.push([data.name, message.slice(0, 2000), path || null, data.line ?? null]);
      yield `not ok: ${data.name}\n${String(cause?.stack ?? message)}\n`;
    }
  }
  yield `\n${WORD} ${JSON.stringify({ passed, skipped, failed })}\n`;
}
