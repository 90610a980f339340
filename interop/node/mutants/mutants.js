// Changes one thing at a time in ../src, and prints what no vector notices: `node mutants/mutants.js [FILE...]`.
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const PATIENCE = 120_000; // milliseconds; a mutant that loops for ever is noticed

// What is left alone: comments, templates, regular expressions, and texts that are messages.
const SKIPPED = /\/\/[^\n]*|\/\*[^]*?\*\/|`[^`]*`|"[^"\n]*"|(?<=[(=:,!&|?]\s*)\/(?![/*])(?:\\.|\[(?:\\.|[^\]])*\]|[^\\/\n])+\/[a-z]*/g;

// Found -> what stands there instead.
const SWAPS = [
  [/(?<![<>=!])<(?![<=])/g, ["<="]], [/(?<![<>=])>(?![>=])/g, [">="]], [/(?<![<>])<=/g, ["<"]], [/(?<![<>])>=/g, [">"]],
  [/===/g, ["!=="]], [/!==/g, ["==="]], [/&&/g, ["||"]], [/\|\|/g, ["&&"]], [/\?\?/g, ["||"]],
  [/(?<= )\+(?= )/g, ["-"]], [/(?<= )-(?= )/g, ["+"]], [/(?<= )\*(?= )/g, ["+"]], [/!(?=[\w(])/g, [""]],
  [/\btrue\b/g, ["false"]], [/\bfalse\b/g, ["true"]], [/\bMath\.min\b/g, ["Math.max"]], [/\bMath\.max\b/g, ["Math.min"]],
  [/\bevery\b/g, ["some"]], [/\bsome\b/g, ["every"]],
];
// The vectors that are likely to notice a change soonest.
const FIRST = { "claims.js": ["claims"], "http.js": ["cookies"], "json.js": ["keys"], "keys.js": ["keys", "states"], "ed25519.js": ["keys"],
  "token.js": ["derivation", "lifetimes", "tokens"] };
// Whole statements that refuse something.
const CHECKS = /^[ \t]*(?:check\(.*\);|if \(.*\) throw .*;|checkReuse\(keys\);|.*\.forEach\(checkUnpublished\);|if \(.*\) checkSuccessor\(.*\);)$/gm;
const NUMBER = /(?<![\w.$])(?:0x[0-9a-f]+|\d+)(?![\w.])/g;
const NAME = /"[\w-]{1,16}"/g;

function spans(text) {
  return [...text.matchAll(SKIPPED)].map((found) => [found.index, found.index + found[0].length]);
}

/** Gives every mutant of a text: where, what was there, and what is there now. */
function* mutants(text) {
  const skipped = spans(text);
  const inCode = (at) => !skipped.some(([from, to]) => from <= at && at < to);
  for (const [pattern, others] of SWAPS) {
    for (const { index, 0: was } of text.matchAll(pattern)) {
      if (inCode(index)) for (const now of others) yield { index, was, now };
    }
  }
  for (const { index, 0: was } of text.matchAll(NUMBER)) {
    const number = Number(was);
    if (inCode(index)) for (const now of [number + 1, number - 1]) yield { index, was, now: now < 0 ? `(${now})` : String(now) };
  }
  for (const { index, 0: was } of text.matchAll(NAME)) {
    const line = text.slice(text.lastIndexOf("\n", index) + 1, index);
    if (!/\/\/|^import|\bfrom $/.test(line)) yield { index, was, now: `${was.slice(0, -1)}~"` };
  }
  for (const { index, 0: was } of text.matchAll(CHECKS)) yield { index, was, now: "" };
}

/** Tells whether some vector fails in the folder. */
function isNoticed(folder, first = []) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["mutants/run.js", ...first], { cwd: folder, env: { ...process.env, VECTORS: join(folder, "vectors") }, stdio: "ignore", timeout: PATIENCE });
    child.on("exit", (code) => resolve(code !== 0));
  });
}

function copy(folder) {
  for (const part of ["src", "test", "mutants", "package.json"]) cpSync(join(PACKAGE, part), join(folder, part), { recursive: true });
  cpSync(fileURLToPath(new URL("../../../vectors", import.meta.url)), join(folder, "vectors"), { recursive: true });
  symlinkSync(join(PACKAGE, "node_modules"), join(folder, "node_modules"));
}

/** Prints a mutant. */
function tell({ file, text, index, was, now }) {
  const before = text.slice(0, index).split("\n");
  const line = text.split("\n")[before.length - 1].trim();
  console.log(`${file}:${before.length}  ${was.trim()} -> ${now || "nothing"}  in  ${line}`);
}

async function work(folder, jobs, survivors) {
  for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) {
    const { file, text, index, was, now } = job;
    const path = join(folder, "src", file);
    writeFileSync(path, text.slice(0, index) + now + text.slice(index + was.length));
    if (!(await isNoticed(folder, FIRST[file]))) survivors.push(tell(job));
    writeFileSync(path, text);
  }
}

const root = mkdtempSync(join(tmpdir(), "mutants-"));
process.on("exit", () => rmSync(root, { recursive: true }));
const wanted = process.argv.slice(2);
// index.js has no code of its own; published.js is compared with Python's list.
const files = readdirSync(join(PACKAGE, "src")).filter((file) => file.endsWith(".js") && !["index.js", "published.js", "errors.js"].includes(file));
const jobs = files
  .filter((file) => wanted.length === 0 || wanted.includes(file))
  .flatMap((file) => {
    const text = readFileSync(join(PACKAGE, "src", file), "utf8");
    return [...mutants(text)].map((mutant) => ({ file, text, ...mutant }));
  });
const total = jobs.length;
const survivors = [];
const folders = Array.from({ length: availableParallelism() }, (_, number) => join(root, String(number)));
for (const folder of folders) {
  mkdirSync(folder);
  copy(folder);
}
if (await isNoticed(folders[0])) throw new Error("a vector fails without any change");
await Promise.all(folders.map((folder) => work(folder, jobs, survivors)));
console.log(`${total} mutants, ${survivors.length} survive`);
