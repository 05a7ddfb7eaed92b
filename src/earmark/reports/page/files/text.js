// Texts: characters that hide are shown, tokens are put side by side as the scorer aligned them.

// Controls, format characters (those that turn the writing direction are among them), and others that leave no mark.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\u{e0100}-\u{e01ef}]/u;
const HIDDEN_ALL = new RegExp(HIDDEN.source, "gu");
// After these a joiner or a variation selector is spelling, not hiding.
const JOINS = /[\p{L}\p{M}\p{Extended_Pictographic}\u200d\ufe0f]$/u;
const PLAIN = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]$/u;

function isSpelling(character, before) {
  if (!/[\u200c\u200d\ufe0e\ufe0f]/.test(character)) return false;
  return JOINS.test(before) && !PLAIN.test(before);
}

// The text as it may be appended: itself, or pieces with a visible mark for each character that hides.
function visible(text) {
  if (!HIDDEN.test(text)) return [text];
  const pieces = [];
  let from = 0;
  for (const match of text.matchAll(HIDDEN_ALL)) {
    const [character] = match;
    if (isSpelling(character, text.slice(Math.max(0, match.index - 2), match.index))) continue;
    pieces.push(text.slice(from, match.index), hiddenMark(character));
    from = match.index + character.length;
  }
  pieces.push(text.slice(from));
  return pieces;
}

// The same where only a plain text goes: in options, titles and drawings.
const spelledOut = (text) => visible(text).map((piece) => piece.textContent ?? piece).join("");

function hiddenMark(character) {
  const code = `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  return el("span", { class: "hidden-character", title: `an invisible character: ${code}` }, code);
}

const tokensOf = (entry, most) => (Array.isArray(entry) ? entry.slice(0, most) : entry ? entry.split(" ", most) : []);
const joined = (entry) => (Array.isArray(entry) ? entry.join("") : entry);

const RUNS = /(\d+)([=SDIJP])/g;
const SAYS = { "=": "right", S: "substitution", D: "deletion", I: "insertion", J: "one word there, counted as right", P: "several words there, counted as right" };

// The items of an alignment, in order: a letter, the tokens said and the tokens heard. `code` 0: all are right. It ends
// where the tokens do: of very long texts only the first are split.
function* aligned(said, heard, code) {
  if (code === 0) {
    for (const token of said) yield { letter: "=", said: token, heard: token };
    return;
  }
  let i = 0, j = 0;
  for (const [, number, letter] of code.matchAll(RUNS)) {
    const length = Number(number);
    if (letter === "I" ? j >= heard.length : i >= said.length) return;
    if (letter === "J") yield { letter, said: said.slice(i, (i += length)).join(" "), heard: heard[j++] };
    else if (letter === "P") yield { letter, said: said[i++], heard: heard.slice(j, (j += length)).join(" ") };
    else
      for (let n = 0; n < length && (letter === "I" || i < said.length) && (letter === "D" || j < heard.length); n++)
        yield { letter, said: letter === "I" ? null : said[i++], heard: letter === "D" ? null : heard[j++] };
  }
}

// Of long tokens the beginning; the whole is in what is copied and saved.
const LONGEST_TOKEN = 200;
const short = (token) => (token.length > LONGEST_TOKEN ? token.slice(0, LONGEST_TOKEN) + "…" : token);

// An item in a line: the word; or what was said struck through and what was heard, with a letter.
function inline(item) {
  const { letter } = item;
  if (letter === "=") return el("bdi", {}, visible(short(item.said)));
  const parts = [];
  if (item.said !== null) parts.push(el("del", {}, el("bdi", {}, visible(short(item.said)))));
  if (item.heard !== null) parts.push(el("ins", {}, el("bdi", {}, visible(short(item.heard)))));
  return el("span", { class: `e ${letter}`, title: SAYS[letter] }, el("b", { class: "letter" }, letter), parts);
}

// An item as a column: said above heard above a letter.
function column(item) {
  const cell = (kind, token) => el("span", { class: kind }, token === null ? "\u2022" : el("bdi", {}, visible(short(token))));
  return el("span", { class: `col ${item.letter}`, title: SAYS[item.letter] },
    cell("said", item.said), item.letter === "=" ? null : [cell("heard", item.heard), el("b", { class: "letter" }, item.letter)]);
}

// The writing direction of a text: of its first letter that has one.
const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;
function directionOf(text) {
  const letter = /\p{L}/u.exec(text || "");
  return letter && RIGHT_TO_LEFT.test(letter[0]) ? "rtl" : "ltr";
}

