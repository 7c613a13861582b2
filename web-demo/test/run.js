// Runs test files one after the other, and those with a failure once more: `node test/run.js SECONDS FILE...`, with SECONDS for each test.
// Tests in browsers fail now and then on a machine that does other things; what is wrong fails twice.
import { run } from "node:test";
import { spec, tap } from "node:test/reporters";

const [seconds, ...files] = process.argv.slice(2);

/** The files among these with a test that failed. */
async function failing(some) {
  const failed = new Set();
  const tests = run({ files: some, concurrency: 1, timeout: 1000 * Number(seconds) });
  tests.on("test:fail", ({ file, name, todo }) => todo ?? failed.add(file ?? name));
  for await (const text of tests.compose(process.stdout.isTTY ? spec : tap)) process.stdout.write(text);
  return [...failed];
}

const first = await failing(files);
if (first.length > 0) {
  console.log(`failed, and run once more:\n  ${first.join("\n  ")}`);
  const again = await failing(first);
  console.log(again.length > 0 ? `failed twice:\n  ${again.join("\n  ")}` : `passed the second time:\n  ${first.join("\n  ")}`);
  process.exitCode = again.length > 0 ? 1 : 0;
}
