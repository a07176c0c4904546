// The built page in a real browser, from file://, with made-up data.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as nextTurn } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { fill, madeUpReport } from "./made_up_data";

declare const TESTS: string; // the folder of the tests, from run.mjs

const built = join(TESTS, "../../../build/web/report.html");

function findChromium(): string | null {
  const names = [process.env.CHROMIUM, "chromium", "chromium-browser", "google-chrome"];
  for (const name of names) {
    if (!name) continue;
    try {
      return execFileSync("sh", ["-c", 'command -v "$0"', name], { encoding: "utf8" }).trim();
    } catch {
      /* the next */
    }
  }
  return null;
}

const executablePath = findChromium();
const skip = executablePath
  ? existsSync(built)
    ? false
    : `${built} is not built: ./dev build`
  : "there is no chromium";
let browser: Browser;
let folder: string;

before(async () => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), "godwit-page-"));
  browser = await chromium.launch({
    executablePath: executablePath!,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
});
after(async () => {
  await browser?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const GIVE_UP_MS = 60_000; // far more than a busy machine takes

/** What `read` gives once `judge` has no objection: a page is drawn anew some time after what was done to it. */
async function settles<T>(read: () => Promise<T>, judge: (value: T) => void): Promise<T> {
  const giveUp = Date.now() + GIVE_UP_MS;
  for (;;) {
    const value = await read();
    try {
      judge(value);
      return value;
    } catch (objection) {
      if (Date.now() > giveUp) throw objection;
      await nextTurn(20);
    }
  }
}
const isMatched = (by: RegExp) => (text: string) => assert.match(text, by);
const equals =
  <T>(wanted: T) =>
  (value: T) =>
    assert.deepEqual(value, wanted);

interface Opened {
  page: Page;
  complaints: string[];
  requests: string[];
  close: () => Promise<void>;
}

/** The page, and what it complains of or asks the network for. */
async function open(html: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const file = join(folder, `${Math.abs(hash(html))}.html`);
  writeFileSync(file, html);
  const context = await browser.newContext({
    viewport: { width: 1200, height: 900 },
    offline: true,
    reducedMotion: "reduce",
    ...options,
  });
  context.setDefaultTimeout(GIVE_UP_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith("data:")) requests.push(request.url());
  });
  const url = pathToFileURL(file).href;
  await page.goto(url);
  assert.deepEqual(requests.splice(0), [url], "the file itself is all that is asked for");
  return { page, complaints, requests, close: () => context.close() };
}

const hash = (text: string): number =>
  [...text.slice(-5000)].reduce((h, c) => (h * 31 + c.charCodeAt(0)) | 0, text.length);
const template = (): string => readFileSync(built, "utf8");
const withRows = (rows: unknown[]): string => fill(template(), { ...madeUpReport(), rows });

/** Some pixels of a plot's canvas are nearly this colour. */
const isDrawn = (page: Page, plot: string, colour: string): Promise<number> =>
  settles(
    () => pixels(page, plot, colour),
    (n) => assert.ok(n > 20, `${plot}: ${n} pixels of ${colour}`),
  );
const pixels = (page: Page, plot: string, variable: string): Promise<number> =>
  page.evaluate(
    ([name, colour]) => {
      const canvas = document.querySelector<HTMLCanvasElement>(`[data-plot="${name}"] canvas`);
      if (!canvas) return -1;
      const copy = Object.assign(document.createElement("canvas"), {
        width: canvas.width,
        height: canvas.height,
      }).getContext("2d", { willReadFrequently: true })!;
      const probe = document
        .createElement("canvas")
        .getContext("2d", { willReadFrequently: true })!;
      copy.drawImage(canvas, 0, 0);
      probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(colour!);
      probe.fillRect(0, 0, 1, 1);
      const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
      const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
      let n = 0;
      for (let i = 0; i < data.length; i += 4)
        if (
          data[i + 3]! > 200 &&
          Math.abs(data[i]! - r!) + Math.abs(data[i + 1]! - g!) + Math.abs(data[i + 2]! - b!) < 24
        )
          n++;
      return n;
    },
    [plot, variable] as const,
  );

const firstColumn = (page: Page, column: number): Promise<string[]> =>
  page.locator(`#overview tbody tr > :nth-child(${column})`).allInnerTexts();

test("the template has one place for the data, refers to nothing outside, and is small", {
  skip,
}, () => {
  const html = template();
  assert.equal(html.split("__GODWIT_DATA__").length, 2);
  assert.equal(html.split('<script type="application/json" id="godwit-data">').length, 2);
  assert.ok(
    !/(?:src|href)="(?!data:|#)/.test(html.replace(/<script type="module">[\s\S]*?<\/script>/, "")),
  );
  assert.ok(html.length < 700_000, `${html.length} bytes`);
});

test("every plot is drawn, without a complaint or a request; a screenshot can be taken", {
  skip,
}, async () => {
  const { page, complaints, requests, close } = await open(fill(template(), madeUpReport()));
  for (const [plot, colours] of Object.entries({
    "timeline-rates": ["--series-0", "--series-1"],
    "timeline-remaining": ["--series-2"],
    "timeline-pings": ["--series-0", "--alarm"],
    "sweep-set": ["--series-0", "--series-1", "--series-2", "--series-3"],
    clients: ["--series-0", "--series-1", "--series-4"],
    cdf: ["--series-0", "--series-1", "--series-7"],
    errors: ["--series-0", "--series-1", "--series-7"],
  }))
    for (const colour of colours) await isDrawn(page, plot, colour);
  const bars = () =>
    page
      .locator(".bars .group")
      .first()
      .locator(".bar")
      .evaluateAll((all) => all.map((bar) => bar.getBoundingClientRect().width));
  await settles(bars, (widths) =>
    assert.ok(widths.length >= 6 && widths.every((width) => width > 5), String(widths)),
  );
  await settles(
    () => page.locator("#head .counts").innerText(),
    isMatched(/\d+\s+completed\s+\d+\s+did not converge\s+1\s+failed\s+1\s+broken/),
  );
  await settles(
    () => page.locator("#errors tbody tr").first().innerText(),
    isMatched(/all together\s+\d+.*\d+ of \d+/s),
  );
  const shot = await page.screenshot({
    fullPage: true,
    path: process.env.GODWIT_SCREENSHOT ?? join(folder, "page.png"),
  });
  assert.ok(shot.length > 50_000);
  assert.deepEqual([complaints, requests], [[], []]);
  await close();
});

test("the table sorts both ways, filters, and opens a time line", { skip }, async () => {
  const { page, complaints, close } = await open(fill(template(), madeUpReport()));
  const all = (
    await settles(
      () => firstColumn(page, 1),
      (cells) => assert.ok(cells.length > 50),
    )
  ).length;
  const total = page.locator("#overview thead").getByRole("button", { name: "Total time" });
  const column = 5;
  const inSeconds = (text: string): number | null => {
    const m = /^([\d.]+) (ms|s)/.exec(text);
    return m ? Number(m[1]) / (m[2] === "ms" ? 1000 : 1) : null;
  };
  for (const direction of ["ascending", "descending"]) {
    await total.click();
    await settles(
      () => page.locator("#overview th[aria-sort]").getAttribute("aria-sort"),
      equals<string | null>(direction),
    );
    await settles(
      () => firstColumn(page, column),
      (cells) => {
        const shown = cells.map(inSeconds);
        const times = shown.filter((t): t is number => t !== null);
        assert.ok(
          times.length > 50 && shown.slice(times.length).every((t) => t === null),
          "cells without a time come last",
        );
        assert.deepEqual(
          times,
          [...times].sort((a, b) => (direction === "ascending" ? a - b : b - a)),
        );
      },
    );
  }
  await page.getByLabel("Technique", { exact: true }).selectOption("postcopy");
  await settles(
    () => firstColumn(page, 2),
    (techniques) =>
      assert.ok(
        techniques.length > 0 &&
          techniques.length < all &&
          techniques.every((t) => t.trim() === "postcopy"),
        String(techniques),
      ),
  );
  await page.getByLabel("Load", { exact: true }).selectOption("cpu");
  await settles(async () => (await firstColumn(page, 1)).map((t) => t.trim()), equals(["cpu"]));
  await page.getByLabel("Link", { exact: true }).selectOption("100 MB/s");
  await settles(
    () => page.locator("#overview tbody").innerText(),
    isMatched(/no cell passes this filter/),
  );
  await page.getByLabel("Link", { exact: true }).selectOption("");
  await settles(async () => (await firstColumn(page, 1)).map((t) => t.trim()), equals(["cpu"]));

  await page.locator("#overview tbody .link").first().press("Enter");
  await settles(
    () => page.locator("#timeline h3").innerText(),
    isMatched(/postcopy\s*cpu\s*completed/),
  );
  const which = () => page.locator("#timeline .where").innerText();
  const before = await settles(which, isMatched(/^\d of 3$/));
  await page.locator("#next").click();
  await settles(which, (now) => assert.notEqual(now, before));
  await page.locator("#previous").click();
  await settles(which, equals(before));
  assert.deepEqual(complaints, []);
  await close();
});

test("a time line reads out, zooms by dragging and shows all again", { skip }, async () => {
  const { page, complaints, close } = await open(fill(template(), madeUpReport()));
  const plot = page.locator('[data-plot="timeline-rates"] .u-over');
  await plot.scrollIntoViewIfNeeded();
  const readout = page.locator(".readout");
  const place = async (share: number, y: number): Promise<[number, number]> => {
    const box = (await plot.boundingBox())!;
    return [box.x + box.width * share, box.y + y];
  };
  const at = async (share: number) => {
    await page.mouse.move(...(await place(share, 80)));
    return readout.innerText();
  };
  const time = (text: string) => {
    const m = /t = (−?[\d.]+) (ms|s)/.exec(text);
    return m ? Number(m[1]!.replace("−", "-")) / (m[2] === "ms" ? 1000 : 1) : NaN;
  };
  await settles(
    () => at(0.5),
    isMatched(/sent [\d.]+ MB\/s · dirtied [\d.]+ MB\/s · remaining [\d.]+ MiB · ping/),
  );
  const span = async () => time(await at(0.9)) - time(await at(0.1));
  let last = NaN;
  const whole = await settles(span, (now) => {
    const twice = now === last;
    last = now;
    assert.ok(now > 0 && twice, `${now} s`);
  });
  const isShare = (share: number, give: number) => (now: number) =>
    assert.ok(Math.abs(now / whole - share) < give, `${now} of ${whole}`);
  await page.mouse.move(...(await place(0.4, 60)));
  await page.mouse.down();
  await page.mouse.move(...(await place(0.6, 60)), { steps: 4 });
  await page.mouse.up();
  await settles(span, isShare(0.2, 0.03));
  await page.mouse.dblclick(...(await place(0.5, 60)));
  await settles(span, isShare(1, 0.01));

  await page.locator(".panels").focus();
  await page.keyboard.press("ArrowRight");
  await settles(() => readout.innerText(), isMatched(/t = /));
  await page.keyboard.press("+");
  await settles(span, (now) => assert.ok(now < whole * 0.6, `${now} of ${whole}`));
  await page.keyboard.press("Escape");
  await settles(span, isShare(1, 0.01));
  assert.deepEqual(complaints, []);
  await close();
});

test("a sweep changes its measure and its facet, and its points open a time line", {
  skip,
}, async () => {
  const { page, complaints, close } = await open(fill(template(), madeUpReport()));
  const sweep = page.locator("#sweeps .panel");
  const image = () =>
    page.evaluate(() =>
      document.querySelector<HTMLCanvasElement>('[data-plot="sweep-set"] canvas')!.toDataURL(),
    );
  await isDrawn(page, "sweep-set", "--series-0");
  const seen: string[] = [];
  const isNew = (now: string) => {
    if (seen.includes(now)) assert.fail("the plot is drawn as before");
  };
  for (const change of [
    async () => {},
    () => sweep.getByRole("radio", { name: "Downtime (client)" }).check(),
    () => sweep.getByLabel("Where").selectOption("1"),
    () => page.locator("#overview").getByRole("radio", { name: "middle half" }).check(),
  ]) {
    await change();
    seen.push(await settles(image, isNew));
  }
  const plot = page.locator('[data-plot="sweep-set"]');
  await plot.focus();
  await page.keyboard.press("ArrowRight");
  await settles(
    () => plot.locator(".tip").innerText(),
    isMatched(/precopy, set 4MiB, repeat 1: \d/),
  );
  await page.keyboard.press("Enter");
  await settles(
    () => page.locator("#timeline .which").innerText(),
    isMatched(/precopy.*repeat 1 · swept: set 4MiB/s),
  );
  assert.deepEqual(complaints, []);
  await close();
});

test("dark, on a phone and on paper it is drawn too, and never wider than the window", {
  skip,
}, async () => {
  const { page, complaints, close } = await open(fill(template(), madeUpReport()), {
    viewport: { width: 390, height: 844 },
    colorScheme: "dark",
  });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await settles(background, equals("rgb(20, 24, 29)"));
  await isDrawn(page, "sweep-set", "--series-1");
  await settles(
    () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth),
    equals(true),
  );
  await page.emulateMedia({ colorScheme: "light" });
  await settles(background, equals("rgb(255, 255, 255)"));
  await isDrawn(page, "sweep-set", "--series-1"); // anew, in the other colours
  await page.emulateMedia({ colorScheme: "dark" });
  const pdf = await page.pdf({
    format: "A4",
    ...(process.env.GODWIT_PDF ? { path: process.env.GODWIT_PDF } : {}),
  });
  assert.ok(pdf.length > 50_000);
  assert.deepEqual(complaints, []);
  await close();
});

test("nothing measured, nothing completed and rows with nothing in them look sane", {
  skip,
}, async () => {
  for (const [rows, says] of [
    [[], /There is no migration in this report/],
    [[{ id: 1, status: "failed", reason: "the link went dead" }], /no completed migration/],
    [
      [
        { status: "completed" },
        {},
        { status: "completed", cell: { sweep: { set: "x" } } },
        { status: "completed", cell: { sweep: { set: "y" } } },
      ],
      /completed/,
    ],
    [
      [
        {
          status: "completed",
          total_time_s: 0,
          downtime_ms: { qemu: 0, probe: 0 },
          transferred_bytes: { qemu: 0 },
          samples: { t_s: [0] },
          pings: { t_s: [0, 1], answer_ms: [null, null] },
        },
      ],
      /completed/,
    ],
  ] as [unknown[], RegExp][]) {
    const { page, complaints, close } = await open(withRows(rows));
    const text = await settles(() => page.locator("#page").innerText(), isMatched(says));
    assert.doesNotMatch(text, /NaN|undefined|null|Infinity|\[object/);
    assert.deepEqual(complaints, []);
    await close();
  }
});

test("data of another version, torn data and a file cut short are said, not blank", {
  skip,
}, async () => {
  const whole = fill(template(), madeUpReport());
  for (const [html, says] of [
    [fill(template(), { ...madeUpReport(), version: 2 }), /another version/],
    [fill(template(), JSON.stringify(madeUpReport()).slice(0, 40_000)), /torn/],
    [whole.slice(0, whole.length - 20_000), /torn/],
    [whole.slice(0, whole.indexOf("<!-- Last")), /no data/],
    [template(), /empty form/],
  ] as [string, RegExp][]) {
    const { page, close } = await open(html);
    await settles(() => page.getByRole("alert").innerText(), isMatched(says));
    await close();
  }
});

test("text from the suite is never read as HTML", { skip }, async () => {
  const evil = '<img src=x onerror="document.title=1"></script><script>document.title=2</script>';
  const { page, complaints, close } = await open(
    fill(template(), {
      ...madeUpReport(),
      title: evil,
      suite: { name: evil, about: evil, toml: evil },
      rows: [
        {
          id: 1,
          status: "failed",
          reason: evil,
          cell: { load: evil, technique: evil, sweep: { [evil]: evil } },
        },
      ],
    }),
  );
  await settles(() => page.locator("h1").innerText(), equals(evil));
  assert.equal(await page.locator("img").count(), 0);
  assert.deepEqual(complaints, []);
  await close();
});
