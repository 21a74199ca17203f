// Bars, device grid, histogram; lines over time come with uPlot, loaded when the first one is drawn.
// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from "preact/hooks";
import { count, percent } from "../core/format";

export function saveCsv(name: string, rows: (string | number | undefined)[][]): void {
  const quote = (cell: string | number | undefined) => {
    const text = String(cell ?? "");
    // A sheet must not take a text for a formula.
    const safe = /^[=+\-@\t\r]/.test(text) && typeof cell === "string" ? "'" + text : text;
    return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([rows.map((row) => row.map(quote).join(",") + "\n").join("")], { type: "text/csv" }));
  link.download = name + ".csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export const CsvButton = (props: { name: string; rows: () => (string | number | undefined)[][] }) => (
  <button type="button" class="button small" onClick={() => saveCsv(props.name, props.rows())}>CSV</button>
);

export interface Bar {
  name: string;
  value: number;
  second?: number;
  href?: string;
  note?: string;
}
export function Bars(props: { of: Bar[]; unit: string; total?: number }) {
  const most = Math.max(1, ...props.of.map((bar) => bar.value));
  return (
    <div class="bars">
      {props.of.map((bar) => {
        const share = props.total ? percent(bar.value, props.total) : "";
        const inner = (
          <>
            <span class="name" title={bar.name}>{bar.name}</span>
            <span class="track">
              <i style={{ width: `${(100 * (bar.value - (bar.second ?? 0))) / most}%` }} />
              {bar.second ? <i style={{ width: `${(100 * bar.second) / most}%` }} /> : null}
            </span>
            <span class="n">{count(bar.value)}{bar.note ? `, ${bar.note}` : share ? ` (${share})` : ""}</span>
          </>
        );
        const title = `${bar.name}: ${count(bar.value)} ${props.unit}${bar.note ? ", " + bar.note : ""}`;
        return bar.href ? <a class="bar" href={bar.href} title={title} key={bar.name}>{inner}</a> : <div class="bar" title={title} key={bar.name}>{inner}</div>;
      })}
    </div>
  );
}

export function Progress({ ok, ko, all }: { ok: number; ko: number; all: number }) {
  const part = (n: number) => `${all > 0 ? (100 * n) / all : 0}%`;
  return (
    <div class="progress" role="img" aria-label={`${count(ok)} of ${count(all)} done, ${count(ko)} failed`} title={`${count(ok)} of ${count(all)} done, ${count(ko)} failed`}>
      <i class="ok" style={{ width: part(ok) }} /><i class="ko" style={{ width: part(ko) }} />
    </div>
  );
}

const words: Record<string, string> = { c: "connected", l: "late", o: "offline", n: "never heard of" };
const severity = "oln c";

interface Layout { cell: number; gap: number; columns: number; rows: number; per: number }

/** The largest cells with which all devices fit; above the room for single ones, a cell stands for `per` devices. */
export function layoutOf(devices: number, width: number): Layout {
  const room = 260;
  for (const cell of [16, 13, 11, 9, 7, 6, 5, 4, 3, 2]) {
    const gap = cell > 4 ? 2 : cell > 2 ? 1 : 0;
    const columns = Math.max(1, Math.floor(width / (cell + gap)));
    const rows = Math.ceil(devices / columns);
    if (rows * (cell + gap) <= room) return { cell, gap, columns, rows, per: 1 };
  }
  const columns = Math.max(1, Math.floor(width / 3));
  const per = Math.ceil(devices / (columns * Math.floor(room / 3)));
  return { cell: 3, gap: 0, columns, rows: Math.ceil(devices / per / columns), per };
}

/** One cell a device in the order of names; where a cell stands for several, it shows the worst share of them. */
export function DeviceGrid(props: { states: string; label: string; pick: (index: number) => void; nameOf: (index: number) => Promise<string> }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const layout = useRef<Layout | null>(null);
  const [tip, setTip] = useState<{ x: number; y: number; text: string } | null>(null);
  const asked = useRef(-1);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const draw = () => {
      const width = element.parentElement?.clientWidth ?? 600;
      const now = (layout.current = layoutOf(props.states.length, width));
      const step = now.cell + now.gap;
      const height = Math.max(step, now.rows * step);
      const scale = devicePixelRatio || 1;
      element.width = width * scale;
      element.height = height * scale;
      element.style.height = `${height}px`;
      const style = getComputedStyle(document.documentElement);
      const colours = Object.fromEntries([..."clon"].map((state) => [state, style.getPropertyValue("--cell-" + state).trim()]));
      const context = element.getContext("2d");
      if (!context) return;
      context.scale(scale, scale);
      const cells = Math.ceil(props.states.length / now.per);
      for (let i = 0; i < cells; ++i) {
        let state = props.states[i * now.per] ?? "n";
        for (let k = 1; k < now.per; ++k) {
          const other = props.states[i * now.per + k];
          if (other && severity.indexOf(other) < severity.indexOf(state)) state = other;
        }
        context.fillStyle = colours[state] ?? "";
        const x = (i % now.columns) * step, y = Math.floor(i / now.columns) * step;
        // Not by colour alone: offline is a short cell, late one with a notch.
        if (state === "o" && now.cell >= 5) context.fillRect(x, y + now.cell * 0.4, now.cell, now.cell * 0.6);
        else if (state === "l" && now.cell >= 5) context.fillRect(x, y + now.cell * 0.2, now.cell, now.cell * 0.8);
        else context.fillRect(x, y, now.cell, now.cell);
      }
    };
    draw();
    const observer = new ResizeObserver(draw);
    if (element.parentElement) observer.observe(element.parentElement);
    const theme = matchMedia("(prefers-color-scheme: dark)");
    theme.addEventListener("change", draw);
    return () => {
      observer.disconnect();
      theme.removeEventListener("change", draw);
    };
  }, [props.states]);
  const at = (event: MouseEvent) => {
    const now = layout.current;
    if (!now) return -1;
    const step = now.cell + now.gap;
    const index = (Math.floor(event.offsetY / step) * now.columns + Math.min(now.columns - 1, Math.floor(event.offsetX / step))) * now.per;
    return index < props.states.length ? index : -1;
  };
  const hover = (event: MouseEvent) => {
    const index = at(event);
    if (index === asked.current) return;
    asked.current = index;
    if (index < 0) return setTip(null);
    const state = words[props.states[index] ?? ""] ?? "";
    const place = { x: event.offsetX, y: event.offsetY };
    setTip({ ...place, text: state });
    void props.nameOf(index).then((name) => asked.current === index && setTip({ ...place, text: `${name}: ${state}` }));
  };
  return (
    <div class="grid-wrap">
      <canvas ref={canvas} role="img" aria-label={props.label} onMouseMove={hover} onClick={(event) => at(event) >= 0 && props.pick(at(event))}
        onMouseLeave={() => { asked.current = -1; setTip(null); }} />
      {tip && <span class="tip" style={{ left: `${tip.x}px`, top: `${tip.y}px` }}>{tip.text}</span>}
    </div>
  );
}

export interface Series { name: string; values: (number | null)[]; dash?: boolean }

/** Values over time. `times` are seconds. The readout below says the values under the pointer, and the newest without one. */
export function Lines(props: { times: number[]; series: Series[]; unit: string; line?: { at: number; name: string }; name: string; height?: number }) {
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const key = JSON.stringify([props.times.length, props.times.at(-1), props.series.map((s) => [s.name, s.values.at(-1)]), props.line]);
  useEffect(() => {
    let gone = false;
    let destroy = () => {};
    void import("./lines").then(({ draw }) => {
      if (!gone && box.current) destroy = draw(box.current, props, setAt);
    });
    return () => {
      gone = true;
      destroy();
    };
  }, [key]);
  const index = at ?? props.times.length - 1;
  const when = props.times[index];
  return (
    <div class="chart">
      <div ref={box} role="img" aria-label={props.unit ? `${props.name}, ${props.unit}` : props.name} />
      <div class="readout">
        {when !== undefined && <span>{new Date(when * 1000).toISOString().slice(5, 16).replace("T", " ")} UTC</span>}
        {props.series.map((series, i) => (
          <span key={series.name}><i style={{ background: `var(--series-${(i % 6) + 1})` }} />{series.name}: {series.values[index] == null ? "–" : Number((series.values[index] as number).toPrecision(5))} {props.unit}</span>
        ))}
        <CsvButton name={props.name} rows={() => [["time", ...props.series.map((s) => (props.unit ? `${s.name} (${props.unit})` : s.name))], ...props.times.map((t, i) => [new Date(t * 1000).toISOString(), ...props.series.map((s) => s.values[i] ?? "")])]} />
      </div>
    </div>
  );
}

/** Shares of bins: grey the reference, coloured the present. */
export function Histogram(props: { labels: string[]; reference: number[]; current: number[]; unit: string }) {
  const sum = (list: number[]) => Math.max(1, list.reduce((a, b) => a + b, 0));
  const shares = (list: number[]) => list.map((n) => n / sum(list));
  const reference = shares(props.reference), current = shares(props.current);
  const most = Math.max(0.01, ...reference, ...current);
  const width = 640, height = 190, left = 34, bottom = 24;
  const bins = Math.max(reference.length, current.length, 1);
  const step = (width - left) / bins;
  const y = (share: number) => (height - bottom) * (1 - share / most) + 4;
  const every = Math.ceil(bins / 8);
  return (
    <svg class="hist" viewBox={`0 0 ${width} ${height + 6}`} role="img" aria-label={`Share of samples by ${props.unit}, reference against now`}>
      {[0, 0.5, 1].map((part) => (
        <g key={part}><line x1={left} x2={width} y1={y(part * most)} y2={y(part * most)} /><text x={left - 4} y={y(part * most) + 3} text-anchor="end">{(100 * part * most).toFixed(0)} %</text></g>
      ))}
      {Array.from({ length: bins }, (_, i) => (
        <g key={i}>
          <title>{`${props.labels[i] ?? ""}: reference ${(100 * (reference[i] ?? 0)).toFixed(1)} %, now ${(100 * (current[i] ?? 0)).toFixed(1)} %`}</title>
          <rect class="ref" x={left + i * step + 1} width={Math.max(1, step * 0.46)} y={y(reference[i] ?? 0)} height={Math.max(0, y(0) - y(reference[i] ?? 0))} />
          <rect class="cur" x={left + i * step + step * 0.48} width={Math.max(1, step * 0.46)} y={y(current[i] ?? 0)} height={Math.max(0, y(0) - y(current[i] ?? 0))} />
          {i % every === 0 && <text x={left + (i + 0.5) * step} y={height} text-anchor="middle">{props.labels[i]?.slice(0, 12)}</text>}
        </g>
      ))}
    </svg>
  );
}
