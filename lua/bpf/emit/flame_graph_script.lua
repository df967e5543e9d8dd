--- The style and the script of flame graphs. They name nothing from the profile, and the
--- script writes text only as text.

local M = {}

M.STYLE = [[
svg.flame { font: 12px monospace; background: #fff; }
.flame .back { fill: #fffdf8; }
.flame text { pointer-events: none; fill: #111; }
.flame .title { font-size: 16px; text-anchor: middle; }
.flame .button { pointer-events: auto; cursor: pointer; fill: #1a5fb4; }
.flame .search, .flame .found { text-anchor: end; }
.flame .f { cursor: pointer; }
.flame .f:hover rect { stroke: #000; stroke-width: 0.8; }
.flame .up rect { opacity: 0.45; }
.flame .out { display: none; }
.flame .hit rect { fill: #d33de0; }
]]

M.SCRIPT = [[

(function () {
  "use strict";
  var svg = document.currentScript && document.currentScript.closest
    ? document.currentScript.closest("svg") : document.documentElement;
  var total = +svg.getAttribute("data-total") || 1;
  var margin = +svg.getAttribute("data-margin");
  var letter = +svg.getAttribute("data-letter");
  var inner = +svg.getAttribute("width") - 2 * margin;
  var frames = Array.prototype.map.call(svg.querySelectorAll(".f"), function (g) {
    var title = g.querySelector("title").textContent;
    return {
      g: g, rect: g.querySelector("rect"), text: g.querySelector("text"), title: title,
      name: title.replace(/ \([^()]*\)$/, ""),
      start: +g.getAttribute("data-s"), count: +g.getAttribute("data-c"),
      depth: +g.getAttribute("data-d")
    };
  });
  var root = frames[0], view = root, pattern = null;

  function one(name) { return svg.querySelector("." + name); }
  function say(name, text) { one(name).textContent = text || " "; }

  function label(name, width) {
    var letters = Math.floor((width - 6) / letter), all = Array.from(name);
    if (letters < 3) return "";
    return all.length <= letters ? name : all.slice(0, letters - 2).join("") + "..";
  }

  // Shows `to` over the whole width, its callers below it, and what it calls.
  function zoom(to) {
    view = to;
    var end = to.start + to.count;
    frames.forEach(function (f) {
      var above = f.depth < to.depth;
      var inside = above ? f.start <= to.start && f.start + f.count >= end
        : f.start >= to.start && f.start + f.count <= end;
      f.g.classList.toggle("out", !inside);
      f.g.classList.toggle("up", inside && above);
      if (!inside) return;
      var x = above ? 0 : (f.start - to.start) / to.count * inner;
      var width = above ? inner : f.count / to.count * inner;
      f.rect.setAttribute("x", margin + x);
      f.rect.setAttribute("width", width);
      f.text.setAttribute("x", margin + x + 3);
      f.text.textContent = label(f.name, width);
    });
    search(pattern);
  }

  // Marks the frames whose name matches, and says which share of the view they cover:
  // a match above another one is not counted twice.
  function search(wanted) {
    pattern = wanted;
    var covered = 0, reach = -1;
    frames.forEach(function (f) {
      f.g.classList.toggle("hit", !!wanted && wanted.test(f.name));
    });
    if (!wanted) return say("found", "");
    frames.filter(function (f) {
      return f.g.classList.contains("hit") && !f.g.classList.contains("out");
    }).map(function (f) {
      return [Math.max(f.start, view.start),
              Math.min(f.start + f.count, view.start + view.count)];
    }).sort(function (a, b) {
      return a[0] - b[0] || b[1] - a[1];
    }).forEach(function (part) {
      if (part[1] <= reach) return;
      covered += part[1] - Math.max(part[0], reach);
      reach = part[1];
    });
    say("found", "matched: " + (100 * covered / view.count).toFixed(2) + "%");
  }

  function ask() {
    var text = window.prompt("Search for (a regular expression):",
                             pattern ? pattern.source : "");
    if (text === null) return;
    try {
      search(text === "" ? null : new RegExp(text));
    } catch (error) {
      say("found", "no regular expression: " + text);
    }
  }

  frames.forEach(function (f) {
    f.g.addEventListener("click", function () { zoom(f); });
    f.g.addEventListener("mouseover", function () { say("info", f.title); });
    f.g.addEventListener("mouseout", function () { say("info", ""); });
  });
  one("reset").addEventListener("click", function () { zoom(root); });
  one("search").addEventListener("click", ask);
  window.addEventListener("keydown", function (event) {
    if (event.key === "Escape") { pattern = null; zoom(root); }
    if (event.key === "/" || (event.ctrlKey && event.key === "f")) {
      event.preventDefault();
      ask();
    }
  });
})();
]]

return M
