#include "daemon/app/status_page.hpp"

namespace tracelink {

namespace {

// The colours are those of the page of a comparison (daemon/compare/page.cpp).
constexpr std::string_view kPage = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:">
<link rel="icon" href="data:,">
<title>tracelink</title>
<style>
:root { --paper: #fff; --ink: #1b1f24; --soft: #57606a; --rule: #d0d7de; --shade: #f6f8fa;
  --good: #1a7f37; --bad: #b3261e; --a: #0072b2; --b: #d55e00; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0d1117; --ink: #e6edf3; --soft: #9da7b1; --rule: #3d444d; --shade: #161b22;
    --good: #3fb950; --bad: #ff7b72; --a: #56b4e9; --b: #e69f00; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; }
p, figcaption, dt { color: var(--soft); }
#state { font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .7rem; }
dl div, .plot, #held li { padding: .7rem; background: var(--shade); border-radius: 6px; }
dt { font-size: .85em; } dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
ul { padding: 0; list-style: none; } #held li { margin-bottom: .5rem; border-left: 4px solid var(--bad); }
.remedy { font-weight: 600; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1rem; }
.plot { margin: 0; } svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--soft); font-size: 10px; } svg .grid { stroke: var(--rule); }
svg path { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.a { stroke: var(--a); color: var(--a); } .b { stroke: var(--b); color: var(--b); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top; }
</style>
</head>
<body>
<h1>tracelink <span id="state">…</span></h1>
<p id="about"></p>
<dl id="now"></dl>
<section id="attention" hidden><h2>What does not go on, and why</h2><ul id="held"></ul></section>
<h2>The last hour</h2>
<div class="plots" id="plots"></div>
<h2>Models</h2>
<div class="scroll"><table id="models"><thead><tr><th scope="col">model</th><th scope="col">state</th><th
 scope="col">traces</th><th scope="col">failed attempts</th></tr></thead><tbody></tbody></table></div>
<p id="more"></p>
<h2>Balance of spans</h2>
<p id="balance"></p>
<p>The numbers are those of tracelink status. Nothing can be changed here.</p>
<noscript>This page needs JavaScript; the numbers are in status.json.</noscript>
<script>
"use strict";
const EVERY_MS = 5000, HOUR_S = 3600, WIDTH = 320, HEIGHT = 110, TOP = 14, LOW = 96;
const at = id => document.getElementById(id);
const PLOTS = [
  {title: "Spans a second", unit: "", lines: [["accepted", "accepted_per_s"], ["delivered", "delivered_per_s"]]},
  {title: "Spans queued", unit: "", lines: [["queued", "queued_spans"]]},
  {title: "Age of the oldest trace", unit: "s", lines: [["oldest", "oldest_age_s"]]},
  {title: "Lag from acceptance to delivery, mean", unit: "s", lines: [["lag", "lag_s"]]},
  {title: "Failed attempts a second", unit: "", lines: [["failures", "failures_per_s"]]}];

function made(name, text, className) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}
function drawn(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  return element;
}
function number(value) {
  if (value === null || value === undefined) return "unknown";
  const places = value >= 100 || Number.isInteger(value) ? 0 : value >= 1 ? 1 : 3;
  return value.toLocaleString("en", {maximumFractionDigits: places});
}
function duration(seconds) {
  if (seconds < 120) return number(seconds) + " s";
  if (seconds < 7200) return number(Math.round(seconds / 60)) + " min";
  return seconds < 172800 ? number(Math.round(seconds / 3600)) + " h" : number(Math.round(seconds / 86400)) + " d";
}
function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; count >= 1024 && unit < units.length - 1; ++unit) count /= 1024;
  return number(Math.round(count * 10) / 10) + " " + units[unit];
}

function troubles(status) {
  const found = status.held.slice();
  if (status.model.state === "failed") found.unshift({scope: "model", reason: status.model.error});
  if (status.server.state === "down" || status.server.state === "refusing") {
    if (!found.some(held => held.scope === "server")) found.unshift({scope: "server", reason: "is " + status.server.state});
  }
  return found;
}
function needsOperator(status) {
  return status.model.state === "failed" || status.server.state === "down" || status.server.state === "refusing" ||
    status.queue.full || !status.queue.writable || status.held.some(held => held.remedy);
}
function showState(text, isGood) {
  at("state").textContent = text;
  at("state").className = isGood ? "good" : "bad";
}
function showNow(status) {
  const model = status.model.name || status.model.requested_name;
  const rows = [["model", (model || "none") + (status.model.state === "none" ? "" : ", " + status.model.state)],
    ["server", status.server.state + (status.server.version ? ", MLflow " + status.server.version : "")],
    ["experiment", status.experiment.name || status.experiment.id || "not known yet"],
    ["spans queued", number(status.queue.spans)],
    ["oldest trace", duration(status.queue.oldest_age_s)],
    ["queue on disk", bytes(status.queue.disk_bytes) + (status.queue.full ? ", full" : "")],
    ["traces without a root", number(status.waiting_for_root.traces)],
    ["dead letters", number(status.spans.dead_lettered) + " spans"]];
  at("now").replaceChildren(...rows.map(([label, value]) => {
    const box = made("div");
    box.append(made("dt", label), made("dd", value));
    return box;
  }));
}
function showHeld(found, status) {
  const items = found.map(held => {
    const item = made("li");
    item.append(made("div", held.scope + ": " + held.reason));
    if (held.remedy) item.append(made("div", held.remedy, "remedy"));
    if (held.since) item.append(made("div", (held.traces ? number(held.traces) + " traces, " : "") + "since " + held.since));
    return item;
  });
  const more = status.held_scopes - status.held.length;
  if (more > 0) items.push(made("li", "and " + number(more) + " more"));
  at("held").replaceChildren(...items);
  at("attention").hidden = items.length === 0;
}
function showModels(status) {
  const counts = new Map(status.delivery.models.map(count => [count.model, count]));
  const rows = status.models.map(model => {
    const name = model.requested_name || model.id;
    const count = counts.get(name) || {traces: 0, failures: 0};
    counts.delete(name);
    return [name, model.state + (model.error ? ": " + model.error : ""), count.traces, count.failures];
  });
  for (const [name, count] of counts) rows.push([name, "", count.traces, count.failures]);
  at("models").tBodies[0].replaceChildren(...rows.map(row => {
    const line = made("tr");
    line.append(...row.map(cell => made("td", typeof cell === "number" ? number(cell) : cell)));
    return line;
  }));
  const left = status.models_in_use - status.models.length;
  at("more").textContent = left > 0 ? "and " + number(left) + " more models" : "";
}
function showBalance(spans) {
  const dropped = Object.values(spans.dropped).reduce((sum, count) => sum + count, 0);
  at("balance").textContent = spans.accepted === null ? "unknown until the held files can be read" :
    "accepted " + number(spans.accepted) + " = delivered " + number(spans.delivered) + " + queued " + number(spans.queued) +
    " + dead-lettered " + number(spans.dead_lettered) + " + duplicate " + number(spans.duplicate) +
    " + dropped " + number(dropped) + " + damaged " + number(spans.damaged);
}
function showStatus(status) {
  const isGood = !needsOperator(status);
  showState(isGood ? "works" : "needs attention", isGood);
  const last = status.last_error ? "; last error at " + status.last_error.at + ": " + status.last_error.message : "";
  at("about").textContent = "tracelinkd " + status.version + ", up " + duration(status.uptime_s) +
    (status.server.uri ? ", to " + status.server.uri : "") + last;
  showNow(status);
  showHeld(troubles(status), status);
  showModels(status);
  showBalance(status.spans);
}

function path(ages, values, most) {
  let line = "", pen = "M";
  values.forEach((value, i) => {
    if (value === null || ages[i] > HOUR_S) { pen = "M"; return; }
    const x = WIDTH * (1 - ages[i] / HOUR_S), y = LOW - (LOW - TOP) * (most > 0 ? value / most : 0);
    line += pen + x.toFixed(1) + " " + y.toFixed(1);
    // A point alone is a line of no length, whose round ends can be seen.
    if (pen === "M") line += "h0";
    pen = "L";
  });
  return line;
}
function plot({title, unit, lines}, history) {
  const figure = made("figure", undefined, "plot");
  const caption = made("figcaption", title);
  const most = Math.max(0, ...lines.flatMap(([, key]) => history[key]).filter(value => value !== null));
  const svg = drawn("svg", {viewBox: "0 0 " + WIDTH + " " + HEIGHT, role: "img", "aria-label": title});
  svg.append(drawn("line", {class: "grid", x1: 0, x2: WIDTH, y1: LOW, y2: LOW}),
    drawn("line", {class: "grid", x1: 0, x2: WIDTH, y1: TOP, y2: TOP}),
    drawn("text", {x: 0, y: TOP - 3}, number(most) + (unit ? " " + unit : "")),
    drawn("text", {x: 0, y: HEIGHT - 3}, "an hour ago"),
    drawn("text", {x: WIDTH, y: HEIGHT - 3, "text-anchor": "end"}, "now"));
  lines.forEach(([name, key], i) => {
    const hue = "ab"[i];
    if (lines.length > 1) caption.append(made("span", " — " + name, hue));
    svg.append(drawn("path", {class: hue, d: path(history.age_s, history[key], most), "stroke-linecap": "round",
      "data-line": key}));
  });
  figure.append(caption, svg);
  return figure;
}

async function fetched(name) {
  const answer = await fetch(name, {cache: "no-store", signal: AbortSignal.timeout(EVERY_MS)});
  if (!answer.ok) throw new Error(name + ": " + answer.status);
  return answer.json();
}
async function update() {
  if (document.hidden) return;
  let status, history;
  try {
    [status, history] = await Promise.all([fetched("status.json"), fetched("history.json")]);
  } catch (error) {
    return showState("is not reachable; what is shown is old", false);
  }
  showStatus(status);
  at("plots").replaceChildren(...PLOTS.map(one => plot(one, history)));
}
async function forever() {
  try {
    await update();
  } finally {
    setTimeout(forever, EVERY_MS);
  }
}
document.addEventListener("visibilitychange", update);
forever();
</script>
</body>
</html>
)html";

}  // namespace

std::string_view status_page() { return kPage; }

}  // namespace tracelink
