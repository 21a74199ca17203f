// uPlot behind one function, so that the first view does not load it.
// SPDX-License-Identifier: Apache-2.0
import uPlot from "uplot";
import type { Series } from "./charts";

interface Drawing { times: number[]; series: Series[]; unit: string; line?: { at: number; name: string }; height?: number }

/** Draws into the box; gives what takes it away again. */
export function draw(box: HTMLElement, what: Drawing, hover: (index: number | null) => void): () => void {
  // One point alone has no extent in time.
  const alone = what.times.length === 1;
  const times = alone ? [...what.times, (what.times[0] ?? 0) + 60] : what.times;
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--ink-3"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: "11px sans-serif" };
  const limit = what.line;
  const alarmLine = (u: uPlot) => {
    if (!limit) return;
    const y = u.valToPos(limit.at, "y", true);
    const { ctx } = u;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour("--bad");
    ctx.setLineDash([6, 4]);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(u.bbox.left, y);
    ctx.lineTo(u.bbox.left + u.bbox.width, y);
    ctx.stroke();
    ctx.textAlign = "left";
    ctx.font = `${11 * devicePixelRatio}px sans-serif`;
    ctx.fillText(limit.name, u.bbox.left + 6, y - 5);
    ctx.restore();
  };
  const values = what.series.flatMap((s) => s.values).filter((v): v is number => v !== null);
  const most = Math.max(limit?.at ?? 0, ...values), least = Math.min(0, ...values);
  const plot = new uPlot({
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    width: box.clientWidth || 480,
    height: what.height ?? 200,
    cursor: { points: { size: 6 }, drag: { x: false, y: false } },
    legend: { show: false },
    scales: { y: { range: [least, most === least ? least + 1 : most + (most - least) * 0.12] } },
    axes: [{ ...axis, space: 64, values: (u, ticks) => { const days = (u.scales["x"]?.max ?? 0) - (u.scales["x"]?.min ?? 0) > 172_800; return ticks.map((t) => new Date(t * 1000).toISOString().slice(...(days ? [5, 10] : [11, 16]) as [number, number])); } }, { ...axis, size: 52, label: what.unit, labelSize: 16, labelFont: "11px sans-serif" }],
    series: [{}, ...what.series.map((s, i) => ({ label: s.name, stroke: colour(`--series-${(i % 6) + 1}`), width: i === 0 ? 2 : 1.4, dash: s.dash ? [5, 4] : undefined, points: { show: s.values.length < 3 } }))],
    hooks: { draw: [alarmLine], setCursor: [(u) => hover(u.cursor.idx ?? null)] },
  }, [times, ...what.series.map((s) => (alone ? [...s.values, null] : s.values))] as uPlot.AlignedData, box);
  const observer = new ResizeObserver(() => plot.setSize({ width: box.clientWidth || 480, height: what.height ?? 200 }));
  observer.observe(box);
  return () => {
    observer.disconnect();
    plot.destroy();
  };
}
