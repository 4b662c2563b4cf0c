'use strict';
// What is shown and how it is drawn. The trace is one JSON object (timeline.c writes it); times are nanoseconds since `begin`.
const trace = JSON.parse(document.getElementById('trace').textContent);
const names = new Map(trace.tasks);
const taskName = id => id === 0 ? 'idle' : names.get(id) || 'task ' + id;
const LABELS = 140, RULER = 26, CPU_HEIGHT = 34, TASK_HEIGHT = 24, GAP = 3;

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
function spans(rows, width, keep, payload) {
  const order = [];
  for (let i = 0; i < rows.length; i += width) if (keep(i)) order.push(i);
  order.sort((a, b) => rows[a] - rows[b]);
  const s = { from: new Float64Array(order.length), to: new Float64Array(order.length), busy: new Float64Array(order.length + 1),
              row: Int32Array.from(order), key: new Int32Array(order.length) };
  order.forEach((row, i) => {
    s.from[i] = rows[row];
    s.to[i] = rows[row] + rows[row + 1];
    s.busy[i + 1] = s.busy[i] + rows[row + 1];
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
(function index() {
  for (let i = 0; i < trace.events.length; i += 3 + trace.kinds[trace.events[i + 2]][1].length) events.at.push(i);
  events.time = Float64Array.from(events.at, i => trace.events[i]);
  for (const cpu of trace.cpus) {
    const mine = events.at.filter(i => trace.events[i + 1] === cpu);
    lanes.push({ kind: 'cpu', id: cpu, label: 'cpu' + cpu, height: CPU_HEIGHT,
                 runs: spans(trace.runs, 4, i => trace.runs[i + 2] === cpu && trace.runs[i + 3] !== 0, 3),
                 irqs: spans(trace.irqs, 5, i => trace.irqs[i + 2] === cpu, 3),
                 losses: spans(trace.losses, 5, i => trace.losses[i + 2] === cpu, 3),
                 ticks: { at: mine, time: Float64Array.from(mine, i => trace.events[i]) } });
  }
  const byTask = new Map();
  for (let i = 0; i < trace.runs.length; i += 4) if (trace.runs[i + 3]) byTask.set(trace.runs[i + 3], (byTask.get(trace.runs[i + 3]) || 0) + trace.runs[i + 1]);
  for (const [task, time] of [...byTask].sort((a, b) => b[1] - a[1]))
    lanes.push({ kind: 'task', id: task, label: taskName(task), height: TASK_HEIGHT, time, runs: null });
  const group = (rows, width, column) => {
    const map = new Map();
    for (let i = 0; i < rows.length; i += width) {
      const list = map.get(rows[i + column]);
      if (list) list.push(i); else map.set(rows[i + column], [i]);
    }
    return map;
  };
  const runs = group(trace.runs, 4, 3), waits = group(trace.waits, 5, 2), readies = group(trace.readies, 4, 2);
  const pick = (rows, list, payload) => { const wanted = new Set(list || []); return spans(rows, payload === 2 ? 4 : 5, i => wanted.has(i), payload); };
  for (const lane of lanes) {
    if (lane.kind !== 'task') continue;
    lane.runs = pick(trace.runs, runs.get(lane.id), 2);
    lane.waits = pick(trace.waits, waits.get(lane.id), 3);
    lane.readies = pick(trace.readies, readies.get(lane.id), 2);
  }
})();
const calls = spans(trace.calls, 7, () => true, 4); // `row` and `from` only: calls do overlap
const laneOfTask = new Map(lanes.filter(l => l.kind === 'task').map(l => [l.id, l]));

// ---- the view ----
const canvas = document.getElementById('canvas'), context = canvas.getContext('2d');
const view = { from: 0, to: Math.max(1, trace.length), scroll: 0, width: 0, height: 0, selected: null, matches: [], match: -1, measure: null, drawn: 0, drawMs: 0 };
let colors = {}, dirty = false;

function readColors() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ['page', 'lane', 'line', 'text', 'dim', 'accent', 'wait', 'ready', 'irq', 'loss', 'arrow', 'mark']) colors[name] = style.getPropertyValue('--' + name).trim();
  const dark = document.documentElement.classList.contains('dark');
  colors.tasks = new Map(lanes.filter(l => l.kind === 'task').map((l, i) => [l.id, `hsl(${(i * 137.5 + 205) % 360} ${dark ? 48 : 56}% ${dark ? 58 : 47}%)`]));
}
const taskColor = id => colors.tasks.get(id) || colors.dim;
const xOf = t => LABELS + (t - view.from) / (view.to - view.from) * (view.width - LABELS);
const timeOf = x => view.from + (x - LABELS) / (view.width - LABELS) * (view.to - view.from);

function lanesHeight() { return lanes.reduce((sum, lane) => sum + lane.height + GAP, 0); }
function placeLanes() {
  view.scroll = Math.max(0, Math.min(view.scroll, lanesHeight() - (view.height - RULER)));
  let y = RULER - view.scroll + GAP;
  for (const lane of lanes) { lane.y = y; y += lane.height + GAP; }
}

// Spans narrower than a pixel are drawn as one column whose height says how much of it they cover: the work is a
// search for each pixel and not for each span, so a million of them draw as fast as a hundred. Thin bands fade instead.
function drawSpans(s, y, height, colorOf, fades) {
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
    if (fades) context.globalAlpha = alpha * Math.max(0.25, part);
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

function label(text, s, lane) { // inside runs that are wide enough
  context.fillStyle = colors.page;
  for (let i = above(s.to, view.from), shown = 0; i < s.from.length && s.from[i] < view.to && shown < 400; i++) {
    const x = Math.max(LABELS, xOf(s.from[i])), width = Math.min(view.width, xOf(s.to[i])) - x;
    if (width < 34) { if (width < 1) i = Math.max(i, above(s.to, s.from[i] + (view.to - view.from) / (view.width - LABELS)) - 1); continue; }
    context.save();
    context.beginPath(); context.rect(x, lane.y, width - 3, lane.height); context.clip();
    context.fillText(text(s.key[i]), x + 4, lane.y + (lane.kind === 'cpu' ? 20 : 16));
    context.restore();
    shown++;
  }
}

function drawLane(lane) {
  context.fillStyle = colors.lane;
  context.fillRect(LABELS, lane.y, view.width - LABELS, lane.height);
  if (lane.kind === 'cpu') {
    drawSpans(lane.runs, lane.y + 6, lane.height - 12, taskColor, false);
    drawSpans(lane.irqs, lane.y, 5, () => colors.irq, true);
    drawTicks(lane);
    context.globalAlpha = 0.35;
    drawSpans(lane.losses, lane.y, lane.height, () => colors.loss, true);
    context.globalAlpha = 1;
    label(taskName, lane.runs, lane);
  } else {
    drawSpans(lane.waits, lane.y + lane.height / 2 - 1, 2, () => colors.wait, true);
    drawSpans(lane.readies, lane.y + lane.height / 2 - 2, 4, () => colors.ready, true);
    drawSpans(lane.runs, lane.y + 3, lane.height - 6, () => taskColor(lane.id), false);
    label(cpu => 'cpu' + cpu, lane.runs, lane);
  }
}

function arrow(x, from, to, y0, y1) { // x: at the server's or caller's end
  const down = y1 > y0 ? 1 : -1;
  context.moveTo(from, y0); context.lineTo(x, y1);
  context.moveTo(x - 3, y1 - 5 * down); context.lineTo(x, y1); context.lineTo(x + 3, y1 - 5 * down);
}

function drawCalls() {
  const pixel = (view.to - view.from) / (view.width - LABELS), first = above(calls.from, view.from - 50 * pixel), last = above(calls.from, view.to);
  const few = last - first < 1500;
  context.strokeStyle = colors.arrow;
  context.lineWidth = 1;
  for (const reply of [false, true]) {
    context.globalAlpha = few ? Math.max(0.2, Math.min(0.9, 200 / (last - first))) * (reply ? 0.5 : 1) : 0.16;
    context.setLineDash(reply && few ? [3, 3] : []);
    context.beginPath();
    for (let i = first; i < last;) {
      const row = calls.row[i], t = trace.calls[row], caller = laneOfTask.get(trace.calls[row + 3]), server = laneOfTask.get(trace.calls[row + 4]);
      i = few ? i + 1 : Math.max(i + 1, above(calls.from, t + pixel));
      if (!caller || !server || (!few && reply)) continue;
      const down = server.y > caller.y, yCaller = caller.y + (down ? caller.height - 3 : 3), yServer = server.y + (down ? 3 : server.height - 3);
      if (reply) { const x = xOf(t + trace.calls[row + 2]); arrow(x, x, x, yServer, yCaller); }
      else arrow(xOf(t + trace.calls[row + 1]), xOf(t), 0, yCaller, yServer);
    }
    context.stroke();
  }
  context.globalAlpha = 1;
  context.setLineDash([]);
}

function drawRuler() {
  context.fillStyle = colors.page;
  context.fillRect(0, 0, view.width, RULER);
  const rough = (view.to - view.from) / Math.max(2, (view.width - LABELS) / 130), power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].find(f => f * power >= rough) * power);
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
    const x = xOf(t);
    context.fillStyle = colors.line;
    context.fillRect(x, RULER - 6, 1, view.height);
    context.fillStyle = colors.dim;
    context.fillText('+' + duration(t).replace(/(\.\d*?)0+ /, '$1 ').replace('. ', ' '), x + 4, 14);
  }
}

function drawMarks() {
  context.fillStyle = colors.mark;
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

function drawLabels() {
  context.fillStyle = colors.page;
  context.fillRect(0, RULER, LABELS, view.height);
  context.textAlign = 'left';
  for (const lane of lanes) {
    if (lane.y < RULER - lane.height || lane.y > view.height) continue;
    context.fillStyle = taskColor(lane.id);
    if (lane.kind === 'task') context.fillRect(8, lane.y + lane.height / 2 - 5, 10, 10);
    context.fillStyle = colors.text;
    context.fillText(lane.label.slice(0, 16), lane.kind === 'task' ? 24 : 8, lane.y + lane.height / 2 + 4);
  }
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
  context.font = '12px system-ui, "DejaVu Sans", sans-serif';
  context.fillStyle = colors.page;
  context.fillRect(0, 0, view.width, view.height);
  placeLanes();
  drawRuler();
  for (const lane of lanes) if (lane.y > -lane.height && lane.y < view.height) drawLane(lane);
  drawCalls();
  context.fillStyle = colors.page;
  context.fillRect(0, 0, LABELS, RULER);
  drawMarks();
  drawLabels();
  view.drawn++;
  view.drawMs = performance.now() - began;
}
function redraw() {
  if (!dirty) requestAnimationFrame(draw);
  dirty = true;
}
