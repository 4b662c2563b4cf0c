// Arrows: calls and their answers between tasks; migrations and interrupts between CPUs.
function arrow(x, from, to, y0, y1) { // x: at the server's or caller's end
  const down = y1 > y0 ? 1 : -1;
  context.moveTo(from, y0); context.lineTo(x, y1);
  context.moveTo(x - 3, y1 - 5 * down); context.lineTo(x, y1); context.lineTo(x + 3, y1 - 5 * down);
}

function drawCalls() {
  if (view.hidden.has('calls') || view.hidden.has('tasks')) return;
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
      const down = server.y > caller.y, yCaller = caller.y + (down ? view.taskHeight - 3 : 3), yServer = server.y + (down ? 3 : view.taskHeight - 3);
      if (reply) { const x = xOf(t + trace.calls[row + 2]); arrow(x, x, x, yServer, yCaller); }
      else arrow(xOf(t + trace.calls[row + 1]), xOf(t), 0, yCaller, yServer);
    }
    context.stroke();
  }
  context.globalAlpha = 1;
  context.setLineDash([]);
}

// ---- between CPUs ----
const migrations = { rows: trace.migrates, width: 6, length: 1, fromCpu: 3, toCpu: 4 }, ipis = { rows: trace.ipis, width: 4, length: -1, fromCpu: 1, toCpu: 2 };
for (const arrows of [migrations, ipis]) { // at: where each begins in its rows, by time; longest: how far back one may have begun
  arrows.at = [...Array(arrows.rows.length / arrows.width).keys()].map(i => i * arrows.width).sort((a, b) => arrows.rows[a] - arrows.rows[b]);
  arrows.time = Float64Array.from(arrows.at, i => arrows.rows[i]);
  arrows.end = i => arrows.rows[i] + (arrows.length < 0 ? 0 : arrows.rows[i + arrows.length]);
  arrows.longest = arrows.at.reduce((most, i) => Math.max(most, arrows.end(i) - arrows.rows[i]), 0);
}
const crossesNodes = i => nodes.get(trace.migrates[i + 3]) !== nodes.get(trace.migrates[i + 4]);

function slanted(x0, y0, x1, y1, head) {
  const far = Math.hypot(x1 - x0, y1 - y0) || 1, ux = (x1 - x0) / far, uy = (y1 - y0) / far;
  context.moveTo(x0, y0); context.lineTo(x1, y1);
  context.moveTo(x1 - head * (ux - uy * 0.6), y1 - head * (uy + ux * 0.6));
  context.lineTo(x1, y1);
  context.lineTo(x1 - head * (ux + uy * 0.6), y1 - head * (uy - ux * 0.6));
}
// From one CPU's lane to the other's, those in view that `wanted` picks; one a pixel when they are many.
function betweenCpus(arrows, wanted, head) {
  const pixel = (view.to - view.from) / (view.width - LABELS), first = above(arrows.time, view.from - Math.min(arrows.longest, 20 * (view.to - view.from))), last = above(arrows.time, view.to);
  const few = last - first < 600, strength = few ? Math.max(0.35, Math.min(1, 250 / (last - first))) : 0.2;
  context.globalAlpha = strength;
  context.beginPath();
  for (let i = first; i < last;) {
    const row = arrows.at[i], from = laneOfCpu.get(arrows.rows[row + arrows.fromCpu]), to = laneOfCpu.get(arrows.rows[row + arrows.toCpu]);
    i = few ? i + 1 : Math.max(i + 1, above(arrows.time, arrows.time[i] + 2 * pixel));
    if (!from || !to || from === to || !wanted(row) || arrows.end(row) < view.from) continue;
    const down = to.y > from.y;
    slanted(xOf(arrows.rows[row]), from.y + from.height / 2, xOf(arrows.end(row)), down ? to.y + 7 : to.y + to.height - 7, head);
  }
  if (few && context.lineWidth > 1) { // apart from what is behind them
    const { strokeStyle, lineWidth } = context;
    context.strokeStyle = colors.page;
    context.lineWidth = lineWidth + 1.8;
    context.stroke();
    Object.assign(context, { strokeStyle, lineWidth });
  }
  context.stroke();
  context.globalAlpha = 1;
}
function drawMigrations() {
  if (view.hidden.has('migrations')) return;
  context.strokeStyle = colors.move;
  for (const far of [false, true]) {
    context.lineWidth = far ? 2.6 : 1.3;
    betweenCpus(migrations, row => crossesNodes(row) === far, far ? 8 : 6);
  }
}
function drawIpis() {
  if (view.hidden.has('ipis')) return;
  context.strokeStyle = colors.ipi;
  context.lineWidth = 0.8;
  context.setLineDash([2, 2]);
  betweenCpus(ipis, () => true, 4);
  context.setLineDash([]);
}
