// The keyboard, and the page that says what the keys and the marks mean.

const KEYS = [["j  k", "the next utterance, the one before"], ["space", "play, or stop"], ["/", "search"], ["c", "copy the id"], ["r", "texts as written, or normalized"], ["Esc", "take search and filters away"], ["?", "this page"]];

function drawAid() {
  const example = [{ letter: "S", said: "cat", heard: "cap" }, { letter: "D", said: "the", heard: null }, { letter: "I", said: null, heard: "very" }];
  fill($("aid"), el("h2", {}, "Reading aid"),
    el("dl", {}, example.map((item) => [el("dt", {}, inline(item)), el("dd", {}, { S: "cat was said, cap was heard: a substitution", D: "the was said and not heard: a deletion", I: "very was heard and nobody said it: an insertion" }[item.letter])]),
      el("dt", {}, hiddenMark("\u202e")), el("dd", {}, "a character that one does not see")),
    el("p", {}, "The word error rate is substitutions, deletions and insertions together, for each word of the reference. A click on a chart or a word shows its utterances. The address of this page holds what is chosen."),
    el("dl", {}, KEYS.map(([key, says]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, says)])),
    el("form", { method: "dialog" }, el("button", {}, "close")));
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("aid").open) return;
  const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox";
  if (event.key === "Escape") {
    if (isTyping) event.target.blur();
    return clearAll();
  }
  if (isTyping) return;
  const actions = {
    j: () => move(1), k: () => move(-1), ArrowDown: () => event.target === $("list") && move(1), ArrowUp: () => event.target === $("list") && move(-1),
    " ": () => state.selected !== null && play(state.selected), "/": () => { $("query").scrollIntoView({ block: "nearest" }); $("query").focus(); $("query").select(); },
    c: () => state.selected !== null && copy(idOf(state.selected), "id"), r: () => { state.isRaw = !state.isRaw; setControls(); paint(); writeHash(); }, "?": () => $("aid").showModal(),
  };
  if (event.key === " " && /^(BUTTON|SUMMARY|AUDIO|A)$/.test(event.target.tagName)) return;
  if (!actions[event.key] || actions[event.key]() === false) return;
  event.preventDefault();
}

