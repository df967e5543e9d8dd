// Runs the script of a flame graph (an SVG file) on a small document of its own, clicks and
// searches, and prints what a browser would show.
"use strict";
const fs = require("fs");
const vm = require("vm");

class Element {
  constructor(name, attributes) {
    this.name = name;
    this.attributes = attributes;
    this.children = [];
    this.textContent = "";
    this.listeners = {};
    const classes = new Set((attributes.class || "").split(" "));
    this.classList = {
      contains: (c) => classes.has(c),
      toggle: (c, on) => { if (on) classes.add(c); else classes.delete(c); },
    };
  }
  getAttribute(key) { return this.attributes[key]; }
  setAttribute(key, value) { this.attributes[key] = String(value); }
  addEventListener(kind, fn) { this.listeners[kind] = fn; }
  fire(kind, event) { this.listeners[kind](event || {}); }
  closest(name) { return this.name === name ? this : this.parent.closest(name); }
  all() { return this.children.flatMap((c) => [c, ...c.all()]); }
  querySelectorAll(selector) {
    return this.all().filter((e) => selector[0] === "."
      ? e.classList.contains(selector.slice(1)) : e.name === selector);
  }
  querySelector(selector) { return this.querySelectorAll(selector)[0]; }
}

const text = fs.readFileSync(process.argv[2], "utf8").replace(/^<\?xml.*\n/, "");
const [, before, code] = text.match(/^([^]*)<script><!\[CDATA\[([^]*)\]\]><\/script>/);
const entities = { "&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"', "&#39;": "'" };
const top = new Element("#document", {});
let open = top;
for (const [, close, name, attributes, slash, data] of
  before.matchAll(/<(\/?)(\w+)([^<>]*?)(\/?)>([^<]*)/g)) {
  if (close) {
    open = open.parent;
  } else {
    const element = new Element(name, Object.fromEntries(
      [...attributes.matchAll(/([\w:-]+)="([^"]*)"/g)].map((m) => [m[1], m[2]])));
    element.parent = open;
    element.textContent = data.replace(/&[^;]*;/g, (e) => entities[e]);
    open.children.push(element);
    if (!slash) open = element;
  }
}
const svg = top.children[0];
const script = new Element("script", {});
script.parent = svg;
const keys = {};
let answer = "";
vm.runInNewContext(code, {
  document: { currentScript: script, documentElement: svg },
  window: { prompt: () => answer, addEventListener: (kind, fn) => { keys[kind] = fn; } },
});

const frames = svg.querySelectorAll(".f");
const nameOf = (g) => g.querySelector("title").textContent.replace(/ \(.*$/, "");
const named = (name) => frames.find((g) => nameOf(g) === name);
const short = (value) => String(Math.round(value * 100) / 100);
const shown = () => frames.filter((g) => !g.classList.contains("out")).map((g) => {
  const rect = g.querySelector("rect");
  return `${nameOf(g)} ${short(rect.getAttribute("x"))} ${short(rect.getAttribute("width"))}`
    + (g.classList.contains("up") ? " up" : "");
}).join(", ");
const hits = () => frames.filter((g) => g.classList.contains("hit")).map(nameOf).join(" ");
const found = () => svg.querySelector(".found").textContent;
const search = (pattern) => { answer = pattern; svg.querySelector(".search").fire("click"); };

console.log(`start: ${shown()}`);
named("write").fire("click");
console.log(`zoom on write: ${shown()} | ` + ["write", "flush_[k]"].map((n) =>
  named(n).querySelector("text").textContent).join(" "));
svg.querySelector(".reset").fire("click");
search("^r|^w");
console.log(`search r.*: ${hits()} | ${found()}`);
named("main").fire("click");
search("main");
console.log(`search in the zoom: ${hits()} | ${found()}`);
search("(");
console.log(`no expression: ${found()}`);
keys.keydown({ key: "Escape" });
console.log(`reset: ${shown()}`);
