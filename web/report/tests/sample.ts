import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

declare const TESTS: string; // the folder of the tests, from run.mjs

import { fill, madeUpReport } from "./made_up_data";

const folder = join(TESTS, "../../../build/web");
writeFileSync(
  join(folder, "sample.html"),
  fill(readFileSync(join(folder, "report.html"), "utf8"), madeUpReport()),
);
console.log(`made-up data: ${join(folder, "sample.html")}`);
