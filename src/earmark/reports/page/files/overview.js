// The result at a glance, what to know beside it, and what it was made with.

function intervalPicture(wer, interval) {
  if (!interval) return null;
  const most = ceiling(Math.max(interval.high, wer) * 1.05);
  const x = (rate) => 4 + (rate / most) * 292;
  return svg("svg", { viewBox: "0 0 300 34", class: "range", role: "img", "aria-label": "the 95 % interval" },
    svg("line", { x1: 4, x2: 296, y1: 12, y2: 12, class: "baseline" }),
    svg("line", { x1: x(interval.low), x2: x(interval.high), y1: 12, y2: 12, class: "reachline" }),
    svg("circle", { cx: x(wer), cy: 12, r: 5.5, class: "dot" }),
    svg("text", { x: 4, y: 31, class: "tick" }, "0"), svg("text", { x: 296, y: 31, class: "tick end" }, perCent(most, 0)));
}

// The number in words, for who sees one for the first time.
function inWords(summary) {
  if (summary.wer === null || summary.wer === undefined) return "There is no error rate: no utterance has a reference text that was scored.";
  const per = (number) => fixed((100 * number) / summary.num_reference_words, 1);
  return `Of 100 words that were said, ${per(summary.substitutions)} were heard as others and ${per(summary.deletions)} were lost; ${per(summary.insertions)} were added that nobody said.`;
}

// By which rules; of an unfinished run most are only not transcribed yet.
const skippedInWords = (summary) => Object.entries(summary.skipped || {}).map(([rule, number]) => `${count(number)} ${rule}`).join(", ") || "0 skipped";

const tile = (name, value, note, title) => el("div", { class: "tile", title }, quiet(visible(name)), el("b", {}, value), note ? quiet(note) : null);

function kindsTile(summary) {
  const total = summary.substitutions + summary.deletions + summary.insertions;
  const kinds = [["S", "substitutions", summary.substitutions], ["D", "deletions", summary.deletions], ["I", "insertions", summary.insertions]];
  return el("div", { class: "tile kindstile" }, quiet(`${count(total)} errors in ${count(summary.num_reference_words)} words`),
    el("div", { class: "stack" }, kinds.filter(([, , number]) => number).map(([letter, , number]) => el("span", { class: letter, style: { "flex-grow": number } }))),
    el("div", { class: "legend" }, kinds.map(([letter, name, number]) => el("span", { title: name }, el("b", { class: `letter ${letter}` }, letter), ` ${name} ${count(number)}`))));
}

function drawVerdict() {
  const { summary } = head;
  const interval = summary.wer_interval;
  const failed = summary.num_failed ? `; with the failed as deletions ${perCent(summary.wer_failed_as_deletions)}` : "";
  const drawn = interval ? `95 % interval ${perCent(interval.low)} to ${perCent(interval.high)}, ${count(interval.num_replicates)} bootstraps by ${interval.unit}${summary.num_scored < 30 ? "; of fewer than 30 utterances, so it says little" : ""}${failed}`
    : summary.wer === null ? "" : `no interval: fewer than 6 utterances are too few${failed}`;
  const cost = summary.capacity?.cost || summary.cost;
  fill($("verdict"), el("div", { class: "main" }, quiet(visible(derived.runs.length > 1 ? `word error rate of ${head.label}` : "word error rate")), el("b", { class: "wer" }, perCent(summary.wer)), intervalPicture(summary.wer, interval), quiet(drawn), el("p", {}, inWords(summary))),
    el("div", { class: "tiles" },
      summary.num_reference_words ? kindsTile(summary) : null,
      tile("utterances", count(summary.num_utterances), `${count(summary.num_scored)} scored, ${count(summary.num_failed)} failed, ${skippedInWords(summary)}`),
      tile("with an error", perCent(summary.ser, 1), "of the scored utterances (SER)"),
      tile("character error rate", perCent(summary.cer), null),
      tile("audio", spoken(summary.audio_s || null), summary.coverage?.ratio < 1 ? `${perCent(summary.coverage.ratio, 1)} of it transcribed` : null),
      tile("speed", summary.rtfx?.wall ? `${tidy(summary.rtfx.wall)}\u00a0×` : "–", summary.rtfx?.wall ? `real time, loading included; one worker's recognizer alone ${tidy(summary.rtfx.compute)}\u00a0×` : "nobody measured it"),
      cost ? tile("cost", `${tidy(cost.amount)} ${cost.currency || ""}`, cost.basis) : null));
  fill($("subtitle"), visible([summary.model_place || summary.model, summary.data, summary.normalizer?.name && `normalizer ${summary.normalizer.name}`, summary.scorer?.name && `scorer ${summary.scorer.name}`].filter(Boolean).join("  ·  ")));
}

function drawNotes() {
  $("notes").hidden = !head.notes.length;
  fill($("notes"), ...head.notes.map((note) => el("p", {}, visible(note))));
}

function drawProvenance() {
  const groups = new Map();
  for (const [group, ...fact] of head.provenance) groups.set(group, [...(groups.get(group) || []), fact]);
  const tables = [...groups].map(([group, facts]) => el("tbody", {}, el("tr", {}, el("th", { colspan: 3 }, group)),
    facts.map(([name, value, origin]) => el("tr", {}, el("td", {}, visible(name)), el("td", { class: "value" }, el("bdi", {}, visible(value))), el("td", { class: "quiet" }, origin)))));
  const same = Object.entries(head.columns.constants).map(([name, value]) => `${name} ${value}`);
  const command = head.command
    ? [el("p", {}, "The command that repeats it ", el("button", { type: "button", onclick: () => copy(head.command, "command") }, "copy")), el("pre", {}, visible(head.command))]
    : el("p", {}, "No command repeats it: its audio was changed on purpose, or its model or its data are objects of Python.");
  fill($("provenance").querySelector("div"), command,
    el("table", { class: "made" }, tables),
    same.length ? el("p", { class: "quiet" }, visible(`The same of every utterance: ${same.join(", ")}`)) : null,
    head.columns.left_out.length ? el("p", { class: "quiet" }, visible(`Columns of the data with another value in nearly every row, which are not in this page: ${head.columns.left_out.join(", ")}`)) : null);
}

