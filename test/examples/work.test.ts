import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { countWords, findChunks } from "../../examples/files.ts";
import { cut, sumSlice } from "../../examples/sum.ts";
import { runExample } from "./run-example.ts";

test("CAN-6 the sum of 1…100 000 000: the exact total and the eight partials", async () => {
  const lines = await runExample("sum");
  const total = "5000000050000000";
  assert.equal(lines.length, 11);
  assert.match(lines[0]!, new RegExp(`^one loop: ${total} in \\d+\\.\\d{3} s$`));
  for (let k = 0; k < 8; k++) {
    assert.equal(lines[1 + k], `  slice ${k}: ${78125006250000 + k * 156250000000000}`);
  }
  assert.match(lines[9]!, new RegExp(`^eight slices: ${total} in \\d+\\.\\d{3} s, with starting \\d+ threads$`));
  assert.match(lines[10]!, new RegExp(`^and again: ${total} in \\d+\\.\\d{3} s, speed-up \\d+\\.\\d\\d ×$`));
});

test("sum: the slices cover every number once", () => {
  const slices = cut(800, 8);
  assert.deepEqual(slices[0], { from: 1, to: 100 });
  slices.slice(1).forEach((slice, i) => assert.equal(slice.from, slices[i]!.to + 1));
  assert.equal(slices.at(-1)!.to, 800);
  assert.equal(
    slices.map(sumSlice).reduce((a, b) => a + b),
    320_400,
  );
});

test("files: one thread and all cores agree with an independent count", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-files-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "sub", "empty"), { recursive: true });
  const texts = Array.from(
    { length: 300 },
    (_, i) => `file ${i}\n\n${"word\t".repeat(i % 7)} end${i % 2 ? "\r\n" : ""}`,
  );
  texts.push("", " \n\t ", "x");
  texts.forEach((text, i) => writeFileSync(join(folder, i % 3 ? "sub" : "", `${i}.txt`), text));
  const large = Buffer.alloc(5_000_000, "lorem ipsum ");
  writeFileSync(join(folder, "large.bin"), large);
  symlinkSync(folder, join(folder, "loop"));

  const words = [...texts, large.toString()].reduce((sum, text) => sum + text.split(/\s+/).filter(Boolean).length, 0);
  const bytes = texts.reduce((sum, text) => sum + text.length, large.length);
  const ofAll = createHash("sha256");
  for (const path of findChunks(folder).flat()) {
    const content = path.endsWith(".bin") ? large : texts[Number(/(\d+)\.txt$/.exec(path)![1])]!;
    ofAll.update(createHash("sha256").update(content).digest("hex"));
  }
  const expected = `${texts.length + 1} files, ${(bytes / 1e6).toFixed(1)} MB, ${words} words, SHA-256 ${ofAll.digest("hex").slice(0, 16)}…`;

  const lines = await runExample("files", folder);
  assert.equal(lines.length, 5);
  assert.equal(lines[0], `one thread: ${expected}`);
  assert.match(lines[1]!, /^ {2}\d+\.\d\d s, \d+ files\/s$/);
  assert.match(lines[2]!, /^\d+ cores: /);
  assert.equal(lines[2]!.replace(/^\d+ cores: /, ""), expected);
  assert.match(lines[4]!, /^same totals: true; speed-up \d+\.\d\d ×$/);
});

test("files: chunks hold every file once and have a bounded size", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-files-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (let i = 0; i < 50; i++) writeFileSync(join(folder, `${i}`), Buffer.alloc(i * 1000));
  const chunks = findChunks(folder, 100_000);
  assert.ok(chunks.length > 5);
  assert.deepEqual(chunks.flat().toSorted(), Array.from({ length: 50 }, (_, i) => join(folder, `${i}`)).toSorted());
  assert.equal(chunks[0]![0], join(folder, "49"), "the largest file comes first");
});

test("files: words are counted as wc -w does", () => {
  const count = (text: string): number => countWords(Buffer.from(text));
  assert.equal(count(""), 0);
  assert.equal(count(" \t\n\v\f\r"), 0);
  assert.equal(count("one"), 1);
  assert.equal(count(" one  two\nthree "), 3);
  assert.equal(count("é ü"), 2);
});
