// Wheel, mouse, keys and search.
const $ = id => document.getElementById(id);

function show(from, to) { // keeps the view within the trace, and no narrower than 20 ns
  const width = Math.min(Math.max(to - from, 20), Math.max(20, trace.length * 1.1)), margin = width * 0.05;
  from = Math.max(-margin, Math.min(from, trace.length + margin - width));
  view.from = from;
  view.to = from + width;
  redraw();
}
function zoom(factor, at = (view.from + view.to) / 2) {
  show(at - (at - view.from) * factor, at + (view.to - at) * factor);
}
function pan(part) {
  const by = (view.to - view.from) * part;
  show(view.from + by, view.to + by);
}

// ---- what is there ----
function meaning(name, field, value) {
  if (/(task|caller)$/.test(field) && (value === 0 || names.has(value))) return `(${taskName(value)})`;
  if ((field === 'channel' || (name === 'block' && field === 'object')) && receivers.has(value)) return `(${taskName(receivers.get(value))})`;
  if (field === 'op' && ops.has(value)) return `(${ops.get(value)})`;
  if (field === 'protocol' && protocols.has(value)) return `(${protocols.get(value)})`;
  if (field === 'ports' && value) return `(${value >>> 16} ${value & 0xffff})`;
  if (name === 'syscall_entry' && field === 'number' && trace.syscallNames[value]) return `(${trace.syscallNames[value]})`;
  return '';
}
function channelText(id, task) { // behind what the task waits for
  if (!id) return '';
  return `, channel ${id}` + (receivers.has(id) && receivers.get(id) !== task ? ` (${taskName(receivers.get(id))})` : '');
}
function stopText(row) { // why a run ended
  const reason = trace.runs[row + 4];
  return reason < 0 ? '' : `, then: ${valueName(kindNamed('ctx_switch'), 'reason', reason)}`;
}
function waitText(row) {
  const w = trace.waits;
  return `${taskName(w[row + 2])} waits: ${valueName(kindNamed('block'), 'on', w[row + 3])}${channelText(w[row + 5], w[row + 2])}; ${w[row + 4] < 0 ? 'until the trace ends' : 'woken by ' + taskName(w[row + 4])}`;
}
function syscallText(row) {
  const s = trace.syscalls;
  return `${taskName(s[row + 2])} in ${trace.syscallNames[s[row + 3]] || 'system call ' + s[row + 3]}${s[row + 4] === null ? '' : ': ' + s[row + 4]}`;
}
function eventText(i) {
  const at = events.at[i], kind = trace.kinds[trace.events[at + 2]], [name, fields, hex, labels] = kind;
  const values = fields.map((field, k) => {
    const value = trace.events[at + 3 + k];
    return `${field}=${labels[k] && labels[k][value] || (hex[k] === '1' ? '0x' + BigInt(value).toString(16) : value)}${meaning(name, field, value)}`;
  });
  return `${name} ${values.join(' ')}`;
}
function eventThing(i) {
  const t = events.time[i];
  return { from: t, to: t, text: `${moment(t)}  cpu${trace.events[events.at[i] + 1]}  ${eventText(i)}` };
}
function spanThing(s, i, text) {
  return { from: s.from[i], to: s.to[i], text: `${text}\n${duration(s.to[i] - s.from[i])} from ${moment(s.from[i])}` };
}
function callThing(row) {
  const c = trace.calls, from = c[row], to = from + c[row + 2];
  return { from, to, text: `${taskName(c[row + 3])} calls ${taskName(c[row + 4])}, ${ops.get(c[row + 5]) || 'op 0x' + c[row + 5].toString(16)}: status ${c[row + 6]}\n` +
           `${duration(c[row + 2])} from ${moment(from)}, taken after ${duration(c[row + 1])}` };
}
function laneAt(y) { return y < RULER ? null : shown().find(l => y >= l.y && y < l.y + l.height + GAP); }

// A migration or an interrupt that leaves this CPU's lane or comes into it about here.
function arrowThing(lane, t, near) {
  for (const arrows of [migrations, ipis]) {
    if (view.hidden.has(arrows === ipis ? 'ipis' : 'migrations')) continue;
    for (let i = above(arrows.time, t - near - arrows.longest); i < arrows.at.length && arrows.time[i] <= t + near; i++) {
      const row = arrows.at[i], leaves = arrows.rows[row + arrows.fromCpu] === lane.id && Math.abs(arrows.time[i] - t) <= near;
      if (leaves || arrows.rows[row + arrows.toCpu] === lane.id && Math.abs(arrows.end(row) - t) <= near) return arrows === ipis ? ipiThing(row) : moveThing(row);
    }
  }
  return null;
}
function moveThing(row) {
  const m = trace.migrates, home = homes.has(m[row + 2]) ? `, at home on node ${homes.get(m[row + 2])}` : '';
  return { from: m[row], to: m[row] + m[row + 1], text: `${taskName(m[row + 2])} goes from cpu${m[row + 3]} to cpu${m[row + 4]}: ${valueName(kindNamed('migrate'), 'reason', m[row + 5])}${home}\n` +
           `after ${duration(m[row + 1])} from ${moment(m[row])}` };
}
function ipiThing(row) {
  const p = trace.ipis;
  return { from: p[row], to: p[row], text: `${moment(p[row])}  cpu${p[row + 1]} interrupts cpu${p[row + 2]}: ${valueName(kindNamed('cpu_ipi'), 'reason', p[row + 3])}` };
}

function cpuThing(lane, t, y, near) {
  let i;
  if (y > lane.y + lane.height - 7) {
    i = above(lane.ticks.time, t - near);
    if (i < lane.ticks.time.length && lane.ticks.time[i] <= t + near) return eventThing(above(events.at, lane.ticks.at[i] - 1));
  }
  if ((i = spanAt(lane.losses, t)) >= 0) return spanThing(lane.losses, i, `cpu${lane.id}: lost ${trace.losses[lane.losses.row[i] + 3]} packets, ${trace.losses[lane.losses.row[i] + 4]} events`);
  if (y < lane.y + 6 && (i = spanAt(lane.irqs, t)) >= 0) return spanThing(lane.irqs, i, `interrupt ${lane.irqs.key[i]}`);
  const arrow = arrowThing(lane, t, near);
  if (arrow) return arrow;
  if ((i = spanAt(lane.locks, t)) >= 0) return spanThing(lane.locks, i, `cpu${lane.id} waits for the kernel lock`);
  if ((i = spanAt(lane.runs, t)) >= 0) return spanThing(lane.runs, i, `${taskName(lane.runs.key[i])} on cpu${lane.id}${stopText(lane.runs.row[i])}`);
  return null;
}
// What was told under the pointer, or to its left where its text is: all of a few pixels.
function toldThing(lane, t, near) {
  const { at, time } = lane.marks, last = above(time, t + near) - 1;
  if (last < 0 || xOf(time[last]) + 30 + 7 * trace.marks[at[last] + 3].length < xOf(t)) return null;
  const first = above(time, time[last] - near), shown = at.slice(first, Math.min(last + 1, first + 12));
  const lines = shown.map(row => eventThing(trace.marks[row + 2]).text), more = last + 1 - first - shown.length;
  return { from: time[first], to: time[last], text: lines.join('\n') + (more ? `\nand ${more} more` : '') };
}
function taskThing(lane, t, y, near) {
  let i;
  if (y >= lane.y + view.taskHeight - 1) {
    return toldThing(lane, t, near);
  }
  if (y > lane.y + view.taskHeight - 7 && (i = spanAt(lane.syscalls, t)) >= 0) return spanThing(lane.syscalls, i, syscallText(lane.syscalls.row[i]));
  i = above(calls.from, t - near);
  for (let k = i; k < calls.from.length && calls.from[k] <= t + near && k < i + 50; k++)
    if (trace.calls[calls.row[k] + 3] === lane.id) return callThing(calls.row[k]);
  if ((i = spanAt(lane.runs, t)) >= 0) return spanThing(lane.runs, i, `${lane.label} runs on cpu${lane.runs.key[i]}${stopText(lane.runs.row[i])}`);
  if ((i = spanAt(lane.readies, t)) >= 0) return spanThing(lane.readies, i, `${lane.label} is ready and waits for a CPU`);
  if ((i = spanAt(lane.waits, t)) >= 0) return spanThing(lane.waits, i, waitText(lane.waits.row[i]));
  return null;
}
function thingAt(x, y) {
  const lane = laneAt(y), t = timeOf(x), near = (view.to - view.from) / (view.width - LABELS) * 3;
  if (!lane || x < LABELS) return null;
  return lane.kind === 'cpu' ? cpuThing(lane, t, y, near) : taskThing(lane, t, y, near);
}
function select(thing) {
  view.selected = thing;
  if (thing) $('detail').textContent = thing.text;
  redraw();
}

// ---- mouse ----
let drag = null;
canvas.addEventListener('wheel', e => {
  e.preventDefault();
  if (e.offsetX < LABELS || e.ctrlKey === false && e.altKey) { view.scroll += e.deltaY; redraw(); }
  else if (Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey) pan((e.deltaX || e.deltaY) / (view.width - LABELS));
  else zoom(Math.exp(Math.max(-60, Math.min(60, e.deltaY)) * 0.004), timeOf(e.offsetX));
}, { passive: false });
canvas.addEventListener('pointerdown', e => {
  drag = { x: e.offsetX, y: e.offsetY, from: view.from, to: view.to, scroll: view.scroll, moved: false, measures: e.shiftKey };
  view.measure = null;
  try { canvas.setPointerCapture(e.pointerId); } catch { /* a made-up pointer */ }
});
canvas.addEventListener('pointermove', e => {
  const tip = $('tip');
  if (!drag) {
    const thing = thingAt(e.offsetX, e.offsetY);
    tip.style.opacity = thing ? 1 : 0;
    if (thing) tip.textContent = thing.text;
    tip.style.left = Math.min(e.offsetX + 14, view.width - tip.offsetWidth - 8) + 'px';
    tip.style.top = Math.min(e.offsetY + 16, view.height - tip.offsetHeight - 8) + 'px';
    return;
  }
  tip.style.opacity = 0;
  drag.moved = drag.moved || Math.abs(e.offsetX - drag.x) + Math.abs(e.offsetY - drag.y) > 3;
  if (drag.measures) {
    view.measure = [timeOf(drag.x), timeOf(e.offsetX)];
    redraw();
  } else if (drag.moved) {
    canvas.classList.add('dragging');
    view.scroll = drag.scroll - (e.offsetY - drag.y);
    const by = (drag.x - e.offsetX) / (view.width - LABELS) * (drag.to - drag.from);
    show(drag.from + by, drag.to + by);
  }
});
canvas.addEventListener('pointerup', e => {
  if (drag && !drag.moved) select(thingAt(e.offsetX, e.offsetY));
  drag = null;
  canvas.classList.remove('dragging');
});
canvas.addEventListener('pointerleave', () => { $('tip').style.opacity = 0; });
canvas.addEventListener('dblclick', e => {
  const thing = thingAt(e.offsetX, e.offsetY);
  if (thing && thing.to > thing.from) show(thing.from - (thing.to - thing.from), thing.to + (thing.to - thing.from));
  else zoom(0.25, timeOf(e.offsetX));
});

// ---- search: every word must be in the event's text ----
function search(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  view.matches = [];
  view.match = -1;
  for (let i = 0; words.length && i < events.at.length; i++) {
    const line = eventText(i).toLowerCase();
    if (words.every(word => line.includes(word))) view.matches.push(i);
  }
  if (view.matches.length) goTo(Math.max(0, view.matches.findIndex(i => events.time[i] >= view.from)));
  else $('found').textContent = words.length ? 'not found' : '';
  redraw();
}
function goTo(match) {
  const n = view.matches.length;
  if (!n) return;
  view.match = (match + n) % n;
  const i = view.matches[view.match], t = events.time[i], width = view.to - view.from;
  $('found').textContent = `${view.match + 1} of ${n}`;
  if (t < view.from || t > view.to) show(t - width / 2, t + width / 2);
  select(eventThing(i));
}
let typing = 0;
$('query').addEventListener('input', e => {
  clearTimeout(typing);
  typing = setTimeout(() => search(e.target.value), events.at.length > 200000 ? 400 : 80);
});
$('query').addEventListener('keydown', e => {
  if (e.key === 'Enter') goTo(view.match + (e.shiftKey ? -1 : 1));
  if (e.key === 'Escape') canvas.focus();
});

// ---- buttons and keys ----
const actions = {
  in: () => zoom(0.6), out: () => zoom(1 / 0.6), all: () => show(0, trace.length), next: () => goTo(view.match + 1), previous: () => goTo(view.match - 1),
  theme: () => { document.documentElement.classList.toggle('dark'); readColors(); redraw(); },
};
for (const id in actions) $(id).addEventListener('click', actions[id]);
const keys = { w: actions.in, s: actions.out, '+': actions.in, '-': actions.out, a: () => pan(-0.2), d: () => pan(0.2), ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2),
               ArrowUp: () => { view.scroll -= 40; redraw(); }, ArrowDown: () => { view.scroll += 40; redraw(); }, 0: actions.all, Home: actions.all, n: actions.next, N: actions.previous,
               t: actions.theme, '/': () => $('query').focus() };
addEventListener('keydown', e => {
  if (e.target === $('query') || e.ctrlKey || e.metaKey || !keys[e.key]) return;
  e.preventDefault();
  keys[e.key]();
});
addEventListener('resize', redraw);

// ---- what is shown ----
function showLegend() {
  $('legend').innerHTML = legend().map(([name, text]) => `<i class="${name}" style="${['lock', 'move', 'ipi'].includes(name) ? '' : `background:var(--${name})`}"></i>${text}`).join('');
}
function showBoxes() { // for what the trace has
  const kinds = { tasks: lanes.some(l => l.kind === 'task'), calls: trace.calls.length, migrations: trace.migrates.length, ipis: trace.ipis.length };
  for (const kind in kinds) {
    if (!kinds[kind]) continue;
    const label = document.createElement('label'), box = document.createElement('input');
    box.type = 'checkbox';
    box.id = 'show-' + kind;
    box.checked = !view.hidden.has(kind);
    box.addEventListener('change', () => { view.hidden[box.checked ? 'delete' : 'add'](kind); showLegend(); redraw(); });
    label.append(box, kind === 'ipis' ? 'IPIs' : kind);
    $('shows').append(label);
  }
}
$('save').addEventListener('click', () => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([picture(view.width, view.height)], { type: 'image/svg+xml' }));
  link.download = 'timeline.svg';
  link.click();
});

// ---- begin; #from=0.001&to=0.002&q=netsrv&hide=tasks,ipis: seconds since boot; svg=1100x400: the picture goes into the body's data ----
(function begin() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (matchMedia('(prefers-color-scheme: dark)').matches !== wanted.has('other')) document.documentElement.classList.add('dark');
  $('title').textContent = trace.machine;
  document.title = 'Timeline of ' + trace.machine;
  $('facts').textContent = `${duration(trace.length)}, ${trace.cpus.length} CPU${trace.cpus.length > 1 ? 's' : ''}, ${events.at.length.toLocaleString('en')} events, ` +
    `${(trace.calls.length / 7).toLocaleString('en')} calls`;
  let packets = 0, lost = 0;
  for (let i = 0; i < trace.losses.length; i += 5) { packets += trace.losses[i + 3]; lost += trace.losses[i + 4]; }
  if (packets || lost) {
    const note = document.createElement('span');
    note.className = 'lost';
    note.textContent = `, lost: ${packets} packets, ${lost} events`;
    $('facts').append(note);
  }
  if (wanted.has('hide')) for (const kind of wanted.get('hide').split(',')) view.hidden.add(kind);
  showBoxes();
  showLegend();
  readColors();
  show(wanted.has('from') ? wanted.get('from') * 1e9 - BOOT : 0, wanted.has('to') ? wanted.get('to') * 1e9 - BOOT : trace.length);
  draw();
  if (wanted.has('svg')) document.body.dataset.svg = picture(...wanted.get('svg').split('x').map(Number));
  if (wanted.get('q')) { $('query').value = wanted.get('q'); search(wanted.get('q')); }
})();
