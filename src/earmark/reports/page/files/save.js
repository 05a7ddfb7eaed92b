// The chosen rows as a file.

const SAVED = ["id", "status", "errors", "words", "substitutions", "deletions", "insertions", "duration", "reference", "hypothesis"];

function savedRow(k) {
  const run = state.run, one = derived.runs[run], status = statusOf(k, run);
  const counts = [one.errors, one.words, one.substitutions, one.deletions, one.insertions].map((numbers) => (status ? null : numbers[k]));
  return [idOf(k), ["scored", "failed", "skipped"][status] ?? "absent", ...counts,
    derived.numbers.get("duration")?.values[k] ?? null, rawReferenceOf(k), rawHypothesisOf(k, run)];
}

// A cell that a spreadsheet would take for a formula gets an apostrophe in front.
function csvCell(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const asCsv = () => `${[SAVED.join(","), ...Array.from(view, (k) => savedRow(k).map(csvCell).join(","))].join("\r\n")}\r\n`;
const asJsonl = () => Array.from(view, (k) => `${JSON.stringify(Object.fromEntries(savedRow(k).map((value, n) => [SAVED[n], value])))}\n`).join("");

function save(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  const link = el("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

