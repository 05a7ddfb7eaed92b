// Making elements. Text goes in as text, never as markup: what was said and heard comes from anywhere.

const $ = (id) => document.getElementById(id);

function give(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const el = (tag, attributes, ...children) => give(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  give(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const quiet = (...children) => el("span", { class: "quiet" }, ...children);

// In the place of what was in an element; children may be nested in lists.
function fill(place, ...children) {
  place.replaceChildren();
  return give(place, {}, children);
}

function toast(text) {
  const place = $("toast");
  fill(place, visible(text));
  place.classList.add("shown");
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => place.classList.remove("shown"), 2500);
}

function copy(text, said) {
  const written = navigator.clipboard ? navigator.clipboard.writeText(text) : Promise.reject(new Error("no clipboard"));
  written.then(() => toast(`${said} copied`), () => toast(`this browser does not let a page copy: ${text}`));
}

