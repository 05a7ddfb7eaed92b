// Puts it all together: first what needs no text, then the rows as they are unpacked.

function listen() {
  let timer = 0;
  $("query").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => { state.query = $("query").value.trim(); changed(); }, head.num_rows > 20000 ? 200 : 60);
  });
  $("sort").addEventListener("change", () => { state.sort = $("sort").value; changed(); });
  $("run").addEventListener("change", () => { state.run = Number($("run").value); changed(); });
  $("raw").addEventListener("change", () => { state.isRaw = $("raw").checked; paint(); writeHash(); });
  $("direction").addEventListener("click", () => { state.isUp = !state.isUp; changed(); });
  $("savecsv").addEventListener("click", () => save(asCsv(), "utterances.csv"));
  $("savejsonl").addEventListener("click", () => save(asJsonl(), "utterances.jsonl"));
  $("list").addEventListener("scroll", () => requestAnimationFrame(paint));
  $("list").addEventListener("click", (event) => {
    const row = event.target.closest?.(".row");
    if (!row) return;
    const k = Number(row.dataset.row);
    if (state.selected !== k) select(k);
    if (event.target.closest(".play")) play(k);
  });
  addEventListener("keydown", onKey);
  addEventListener("resize", () => requestAnimationFrame(paint));
  addEventListener("hashchange", (event) => restore(new URL(event.newURL).hash));
  addEventListener("beforeprint", () => { $("provenance").open = true; });
}

function listenAtOnce() {
  document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); $("list").focus(); });
  $("help").addEventListener("click", () => $("aid").showModal());
  $("theme").addEventListener("click", () => {
    const isDark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = isDark ? "light" : "dark";
  });
}

// A filter of numbers: which, from where, up to where.
function drawRanges() {
  const names = ["WER %", ...derived.numbers.keys()];
  const column = el("select", { "aria-label": "column to filter by" }, names.map((name) => el("option", { value: name }, spelledOut(name))));
  const low = el("input", { type: "number", step: "any", placeholder: "from", "aria-label": "from" });
  const high = el("input", { type: "number", step: "any", placeholder: "below", "aria-label": "below" });
  const add = () => { if (low.value !== "" || high.value !== "") { addFilter(pack("number", column.value, low.value, high.value)); low.value = high.value = ""; } };
  for (const field of [low, high]) field.addEventListener("keydown", (event) => { if (event.key === "Enter") add(); });
  fill($("ranges"), "only ", column, low, high, el("button", { type: "button", onclick: add }, "filter"));
}

function fillControls() {
  fill($("sort"), ...sortKeys().map(([value, name]) => el("option", { value }, spelledOut(name))));
  fill($("run"), ...derived.runs.map((run, n) => el("option", { value: n }, spelledOut(run.label))));
  $("runfield").hidden = derived.runs.length < 2;
  drawRanges();
}

// What the address says: the choice, and the utterance that was looked at.
function restore(hash) {
  clearTimeout(writeHash.timer);
  readHash(hash);
  for (let k = 0; state.wanted && k < head.num_rows; k++) if (idOf(k) === state.wanted) { state.selected = k; break; }
  changed();
  const place = view.indexOf(state.selected);
  if (place > 0) { reveal(place); paint(); }
}

async function main() {
  const began = performance.now();
  try {
    listenAtOnce();
    drawAid();
    await loadHead();
    fill($("title"), visible(head.title));
    drawVerdict();
    drawNotes();
    drawProvenance();
    drawVersus();
    drawCharts();
    drawWords();
    fillControls();
    await loadChunks((number) => fill($("count"), `unpacking ${count(Math.min(number, head.num_rows))} of ${plural(head.num_rows, "utterance")} …`));
    drawFlags();
    listen();
    restore(location.hash);
    document.documentElement.dataset.ready = (performance.now() - began).toFixed(0);
  } catch (error) {
    fill($("count"), visible(`This page cannot be shown: ${error.message}`));
    document.documentElement.dataset.problem = error.message;
    throw error;
  }
}
