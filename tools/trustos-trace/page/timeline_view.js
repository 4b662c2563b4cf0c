'use strict';
// What is shown and how it is drawn. The trace is one JSON object (timeline.c writes it); times are nanoseconds since `begin`.
const trace = JSON.parse(document.getElementById('trace').textContent);
const names = new Map(trace.tasks), receivers = new Map(trace.channels), ops = new Map(trace.ops), protocols = new Map(trace.protocols);
const nodes = new Map(trace.nodes), homes = new Map(trace.homes);
const BOOT = Number(trace.begin); // since boot: exact for 100 days
const taskName = id => id === 0 ? 'idle' : names.get(id) || 'task ' + id;
const LABELS = 140, RULER = 26, MARKS_HEIGHT = 14, GAP = 3;
// The name of a value of an event's field; the value when it has none.
function valueName(kind, field, value) {
  const labels = kind && kind[3][kind[1].indexOf(field)];
  return labels && labels[value] || String(value);
}
const kindNamed = name => trace.kinds.find(kind => kind[0] === name);

function duration(ns) {
  const a = Math.abs(ns);
  if (a < 1e3) return ns.toFixed(0) + ' ns';
  if (a < 1e6) return (ns / 1e3).toFixed(a < 1e5 ? 2 : 1) + ' µs';
  if (a < 1e9) return (ns / 1e6).toFixed(a < 1e8 ? 2 : 1) + ' ms';
  return (ns / 1e9).toFixed(3) + ' s';
}
// Since boot, to the nanosecond: more digits than a double has once a machine is up for long.
function moment(ns) {
  const t = BigInt(trace.begin) + BigInt(Math.round(ns));
  return t / 1000000000n + '.' + String(t % 1000000000n).padStart(9, '0') + ' s';
}

// ---- spans: things with a begin and an end that do not overlap, in columns sorted by time ----
function spans(rows, list, payload, length = 1) { // list: where each begins in rows; payload, length: columns
  const order = (list || []).sort((a, b) => rows[a] - rows[b]);
  const s = { from: new Float64Array(order.length), to: new Float64Array(order.length), busy: new Float64Array(order.length + 1),
              row: Int32Array.from(order), key: new Int32Array(order.length) };
  order.forEach((row, i) => {
    s.from[i] = rows[row];
    s.to[i] = rows[row] + rows[row + length];
    s.busy[i + 1] = s.busy[i] + rows[row + length];
    s.key[i] = rows[row + payload];
  });
  return s;
}
// The first index whose value is above t.
function above(values, t) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] > t) high = middle; else low = middle + 1;
  }
  return low;
}
function spanAt(s, t) {
  const i = above(s.to, t);
  return i < s.from.length && s.from[i] <= t ? i : -1;
}
// Time within [a, b] that spans cover.
function covered(s, a, b) {
  const i = above(s.to, a), k = above(s.from, b);
  if (k <= i) return 0;
  return s.busy[k] - s.busy[i] - Math.max(0, a - s.from[i]) - Math.max(0, s.to[k - 1] - b);
}

// ---- lanes ----
const lanes = [];
const events = { at: [], time: null }; // at: where each event begins in trace.events
function group(rows, width, column) { // by what stands in that column: where each row begins
  const map = new Map();
  for (let i = 0; i < rows.length; i += width) {
    const list = map.get(rows[i + column]);
    if (list) list.push(i); else map.set(rows[i + column], [i]);
  }
  return map;
}
function timesOf(rows, list) { return { at: list, time: Float64Array.from(list, i => rows[i]) }; }
(function index() {
  const ticks = new Map(trace.cpus.map(cpu => [cpu, []]));
  for (let i = 0; i < trace.events.length; i += 3 + trace.kinds[trace.events[i + 2]][1].length) {
    events.at.push(i);
    ticks.get(trace.events[i + 1]).push(i);
  }
  events.time = Float64Array.from(events.at, i => trace.events[i]);
  const onCpu = group(trace.runs, 5, 2), irqs = group(trace.irqs, 5, 2), losses = group(trace.losses, 5, 2), locks = group(trace.locks, 3, 2);
  for (const cpu of trace.cpus)
    lanes.push({ kind: 'cpu', id: cpu, label: 'cpu' + cpu,
                 runs: spans(trace.runs, (onCpu.get(cpu) || []).filter(i => trace.runs[i + 3] !== 0), 3),
                 irqs: spans(trace.irqs, irqs.get(cpu), 3), losses: spans(trace.losses, losses.get(cpu), 3), locks: spans(trace.locks, locks.get(cpu), 2),
                 ticks: timesOf(trace.events, ticks.get(cpu)) });
  const runs = group(trace.runs, 5, 3), waits = group(trace.waits, 6, 2), readies = group(trace.readies, 4, 2);
  const syscalls = group(trace.syscalls, 5, 2), marks = group(trace.marks, 4, 1), callers = group(trace.calls, 7, 3);
  for (const task of new Set([...runs.keys(), ...marks.keys()])) {
    if (!task) continue;
    const lane = { kind: 'task', id: task, label: taskName(task), runs: spans(trace.runs, runs.get(task), 2), waits: spans(trace.waits, waits.get(task), 3),
                   readies: spans(trace.readies, readies.get(task), 2), syscalls: spans(trace.syscalls, syscalls.get(task), 3),
                   calls: spans(trace.calls, callers.get(task), 4, 2), marks: timesOf(trace.marks, marks.get(task) || []) };
    lane.time = lane.runs.busy[lane.runs.from.length];
    lanes.push(lane);
  }
  const node = lane => nodes.has(lane.id) ? nodes.get(lane.id) : 1e9; // a node's CPUs stand together
  lanes.sort((a, b) => (a.kind === 'task') - (b.kind === 'task') || (a.kind === 'cpu' ? node(a) - node(b) || a.id - b.id : b.time - a.time));
})();
const calls = spans(trace.calls, [...Array(trace.calls.length / 7).keys()].map(i => i * 7), 4); // `row` and `from` only: calls do overlap
const laneOfTask = new Map(lanes.filter(l => l.kind === 'task').map(l => [l.id, l])), laneOfCpu = new Map(lanes.filter(l => l.kind === 'cpu').map(l => [l.id, l]));

// ---- the view ----
const canvas = document.getElementById('canvas');
let context = canvas.getContext('2d'); // or what makes a picture of it: timeline_svg.js
const view = { from: 0, to: Math.max(1, trace.length), scroll: 0, width: 0, height: 0, selected: null, matches: [], match: -1, measure: null, drawn: 0, drawMs: 0, cpuHeight: 34, taskHeight: 24,
               hidden: new Set() }; // of: tasks calls migrations ipis events
let colors = {}, dirty = false;

function hatch(color) {
  const tile = document.createElement('canvas'), pen = tile.getContext('2d');
  tile.width = tile.height = 6;
  pen.strokeStyle = color;
  pen.lineWidth = 1.5;
  for (const x of [-6, 0, 6]) { pen.moveTo(x, 6); pen.lineTo(x + 6, 0); }
  pen.stroke();
  return context.createPattern(tile, 'repeat');
}
function readColors() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ['page', 'lane', 'line', 'text', 'dim', 'accent', 'wait', 'ready', 'irq', 'loss', 'arrow', 'mark', 'found', 'syscall', 'lock', 'move', 'ipi']) colors[name] = style.getPropertyValue('--' + name).trim();
  const dark = document.documentElement.classList.contains('dark');
  colors.hatch = hatch(colors.lock);
  colors.tasks = new Map(lanes.filter(l => l.kind === 'task').map((l, i) => [l.id, `hsl(${(i * 137.5 + 205) % 360} ${dark ? 48 : 56}% ${dark ? 58 : 47}%)`]));
}
const taskColor = id => colors.tasks.get(id) || colors.dim;
const xOf = t => LABELS + (t - view.from) / (view.to - view.from) * (view.width - LABELS);
const timeOf = x => view.from + (x - LABELS) / (view.width - LABELS) * (view.to - view.from);

function shown() { return view.hidden.has('tasks') ? lanes.filter(lane => lane.kind === 'cpu') : lanes; }
function lanesHeight() { return shown().reduce((sum, lane) => sum + lane.height + GAP, 0); }
// Few lanes are drawn taller, as far as there is room.
function placeLanes() {
  const there = shown(), tasks = there.filter(l => l.kind === 'task').length, fixed = there.reduce((sum, l) => sum + GAP + (l.marks && l.marks.at.length ? MARKS_HEIGHT : 0), 0);
  const grow = Math.max(1, Math.min(tasks ? 1.6 : 3, (view.height - RULER - fixed) / (tasks * 24 + (there.length - tasks) * 34)));
  view.cpuHeight = Math.round(34 * grow);
  view.taskHeight = Math.round(24 * grow);
  for (const lane of lanes) lane.height = lane.kind === 'cpu' ? view.cpuHeight : view.taskHeight + (lane.marks.at.length ? MARKS_HEIGHT : 0);
  view.scroll = Math.max(0, Math.min(view.scroll, lanesHeight() - (view.height - RULER)));
  let y = RULER - view.scroll + GAP;
  for (const lane of lanes) lane.y = -1e6;
  for (const lane of there) { lane.y = y; y += lane.height + GAP; }
}

// Spans narrower than a pixel are drawn as one column whose height says how much of it they cover: the work is a
// search for each pixel and not for each span, so a million of them draw as fast as a hundred. Thin bands fade instead.
function drawSpans(s, y, height, colorOf, fades) { // fades: 0, or the least that shows
  const alpha = context.globalAlpha;
  const pixel = (view.to - view.from) / (view.width - LABELS);
  for (let i = above(s.to, view.from); i < s.from.length && s.from[i] < view.to;) {
    const x = Math.max(LABELS, xOf(s.from[i])), end = xOf(s.to[i]);
    context.fillStyle = colorOf(s.key[i]);
    if (end - x >= 1) {
      context.fillRect(x, y, Math.min(end, view.width) - x, height);
      i++;
      continue;
    }
    const column = Math.floor(x), a = timeOf(column), part = Math.min(1, covered(s, a, a + pixel) / pixel);
    const h = fades ? height : Math.max(0.12, part) * height;
    if (fades) context.globalAlpha = alpha * Math.max(fades, part);
    context.fillRect(column, y + height - h, 1, h);
    context.globalAlpha = alpha;
    i = Math.max(i + 1, above(s.to, a + pixel));
  }
}

function drawTicks(lane) {
  const y = lane.y + lane.height - 5;
  context.fillStyle = colors.dim;
  context.globalAlpha = 0.6;
  for (let i = above(lane.ticks.time, view.from - 1); i < lane.ticks.time.length && lane.ticks.time[i] <= view.to;) {
    const column = Math.floor(xOf(lane.ticks.time[i]));
    context.fillRect(column, y, 1, 5);
    i = Math.max(i + 1, above(lane.ticks.time, timeOf(column + 1)));
  }
  context.globalAlpha = 1;
}

// What a task told: a tick for each, with its text where there is room until the next.
function drawTold(lane) {
  const { at, time } = lane.marks, y = lane.y + view.taskHeight - 1;
  for (let i = above(time, view.from - 1); i < at.length && time[i] <= view.to;) {
    const x = xOf(time[i]), column = Math.floor(x), next = Math.max(i + 1, above(time, timeOf(column + 3)));
    const text = trace.marks[at[i] + 3] + (next > i + 1 ? `  +${next - i - 1}` : ''), room = (next < at.length ? xOf(time[next]) : view.width) - x;
    context.fillStyle = colors.mark;
    context.fillRect(column, y, 2, MARKS_HEIGHT - 2);
    if (room > 12 + text.length * 3) { // it may be cut, but not to nothing
      context.save();
      context.beginPath(); context.rect(x, y, room - 3, MARKS_HEIGHT); context.clip();
      context.fillStyle = colors.text;
      context.fillText(text, x + 5, y + 10);
      context.restore();
    }
    i = next;
  }
}

function label(text, s, lane, whole) { // inside runs that are wide enough; whole: for all of the text
  context.fillStyle = colors.page;
  for (let i = above(s.to, view.from), shown = 0; i < s.from.length && s.from[i] < view.to && shown < 400; i++) {
    const x = Math.max(LABELS, xOf(s.from[i])), width = Math.min(view.width, xOf(s.to[i])) - x;
    if (width < 34) { if (width < 1) i = Math.max(i, above(s.to, s.from[i] + (view.to - view.from) / (view.width - LABELS)) - 1); continue; }
    const words = text(s.key[i], i);
    if (whole && words.length * 7 > width - 4) continue;
    context.save();
    context.beginPath(); context.rect(x, lane.y, width - 3, lane.height); context.clip();
    context.fillText(words, x + 4, lane.y + (lane.kind === 'cpu' ? view.cpuHeight : view.taskHeight) / 2 + 4);
    context.restore();
    shown++;
  }
}

function drawLane(lane) {
  context.fillStyle = colors.lane;
  context.fillRect(LABELS, lane.y, view.width - LABELS, lane.height);
  if (lane.kind === 'cpu') {
    drawSpans(lane.runs, lane.y + 6, lane.height - 12, taskColor, 0);
    drawSpans(lane.irqs, lane.y, 5, () => colors.irq, 0.15);
    if (!view.hidden.has('events')) drawTicks(lane);
    drawSpans(lane.locks, lane.y + 6, lane.height - 12, () => colors.hatch, 0.3);
    context.globalAlpha = 0.35;
    drawSpans(lane.losses, lane.y, lane.height, () => colors.loss, 0.5);
    context.globalAlpha = 1;
    label(taskName, lane.runs, lane);
  } else {
    drawSpans(lane.waits, lane.y + view.taskHeight / 2 - 1, 2, () => colors.wait, 0.25);
    drawSpans(lane.calls, lane.y + view.taskHeight / 2 - 1, 2, () => colors.arrow, 0.1);
    drawSpans(lane.readies, lane.y + view.taskHeight / 2 - 2, 4, () => colors.ready, 0.08);
    drawSpans(lane.runs, lane.y + 3, view.taskHeight - 6, () => taskColor(lane.id), 0);
    drawSpans(lane.syscalls, lane.y + view.taskHeight - 6, 3, () => colors.syscall, 0.1);
    label(trace.cpus.length > 1 ? (cpu, i) => `cpu${cpu}, ${duration(lane.runs.to[i] - lane.runs.from[i])}` : (_, i) => duration(lane.runs.to[i] - lane.runs.from[i]), lane.runs, lane, true);
    drawTold(lane);
  }
}

// Since boot. Where that has more digits than one reads, the corner says from which moment on the labels count.
function drawRuler() {
  context.fillStyle = colors.page;
  context.fillRect(0, 0, view.width, RULER);
  const rough = (view.to - view.from) / Math.max(2, (view.width - LABELS) / 130), power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].find(f => f * power >= rough) * power);
  const first = Math.ceil((BOOT + view.from) / step) * step, whole = 1000 * power * 10;
  view.base = first > 1e4 * step ? Math.floor(first / whole) * whole : 0;
  for (let t = first; t <= BOOT + view.to; t += step) {
    const x = xOf(t - BOOT);
    context.fillStyle = colors.line;
    context.fillRect(x, RULER - 6, 1, view.height);
    context.fillStyle = colors.dim;
    context.fillText((view.base ? '+' : '') + duration(t - view.base).replace(/(\.\d*?)0+ /, '$1 ').replace('. ', ' '), x + 4, 14);
  }
}
function drawCorner() {
  context.fillStyle = colors.page;
  context.fillRect(0, 0, LABELS, RULER);
  context.fillStyle = colors.dim;
  context.fillText(view.base ? (view.base / 1e9).toFixed(9).replace(/0+$/, '').replace(/\.$/, '') + ' s +' : 'since boot', 8, 14);
}

function drawFound() { // matches, what was clicked, what is measured
  context.fillStyle = colors.found;
  let last = -1;
  for (const i of view.matches) {
    const x = Math.floor(xOf(events.time[i]));
    if (x !== last && x >= LABELS && x < view.width) context.fillRect(x, RULER - 6, 2, 6);
    last = x;
  }
  const chosen = view.selected;
  if (chosen) {
    context.fillRect(xOf(chosen.from), RULER - 6, 1, view.height);
    if (chosen.to > chosen.from) { context.globalAlpha = 0.12; context.fillRect(xOf(chosen.from), RULER, xOf(chosen.to) - xOf(chosen.from), view.height); context.globalAlpha = 1; }
  }
  if (view.measure) {
    const a = xOf(view.measure[0]), b = xOf(view.measure[1]);
    context.globalAlpha = 0.18; context.fillStyle = colors.accent; context.fillRect(Math.min(a, b), RULER, Math.abs(b - a), view.height); context.globalAlpha = 1;
    context.fillText(duration(Math.abs(view.measure[1] - view.measure[0])), (a + b) / 2 - 20, RULER + 14);
  }
}

// A bracket beside the CPUs of each node.
function drawNodes() {
  for (const node of new Set(nodes.values())) {
    const there = lanes.filter(lane => lane.kind === 'cpu' && nodes.get(lane.id) === node);
    if (!there.length) continue;
    const top = there[0].y + 2, height = there[there.length - 1].y + there[there.length - 1].height - 2 - top;
    context.fillStyle = colors.dim;
    context.fillRect(LABELS - 8, top, 2, height);
    context.fillRect(LABELS - 8, top, 5, 1);
    context.fillRect(LABELS - 8, top + height - 1, 5, 1);
    context.fillText('node ' + node, LABELS - 14 - 7 * ('node ' + node).length, top + height / 2 + 4);
  }
}

function drawLabels() {
  context.fillStyle = colors.page;
  context.fillRect(0, RULER, LABELS, view.height);
  context.textAlign = 'left';
  for (const lane of lanes) {
    if (lane.y < RULER - lane.height || lane.y > view.height) continue;
    context.fillStyle = taskColor(lane.id);
    if (lane.kind === 'task') context.fillRect(8, lane.y + view.taskHeight / 2 - 5, 10, 10);
    context.fillStyle = colors.text;
    context.fillText(lane.label.slice(0, 16), lane.kind === 'task' ? 24 : 8, lane.y + (lane.kind === 'task' ? view.taskHeight : lane.height) / 2 + 4);
  }
  drawNodes();
}

function draw() {
  dirty = false;
  const began = performance.now(), ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  if (canvas.width !== Math.round(box.width * ratio) || canvas.height !== Math.round(box.height * ratio)) {
    canvas.width = Math.round(box.width * ratio);
    canvas.height = Math.round(box.height * ratio);
  }
  view.width = Math.max(LABELS + 10, box.width);
  view.height = box.height;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  paint();
  view.drawn++;
  view.drawMs = performance.now() - began;
}
function paint() {
  context.font = '12px system-ui, "DejaVu Sans", sans-serif';
  context.fillStyle = colors.page;
  context.fillRect(0, 0, view.width, view.height);
  placeLanes();
  drawRuler();
  for (const lane of lanes) if (lane.y > -lane.height && lane.y < view.height) drawLane(lane);
  drawCalls();
  drawMigrations();
  drawIpis();
  drawFound();
  drawLabels();
  drawCorner();
}
function redraw() {
  if (!dirty) requestAnimationFrame(draw);
  dirty = true;
}
