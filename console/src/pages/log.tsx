// A job's log, followed while the job runs.
// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from "preact/hooks";
import { type Ask, call } from "../core/api";
import { Card } from "../ui/parts";

const followMs = 700;
const textMax = 256 * 1024;

export function JobLog({ kind, job, ended }: { kind: Ask<"Kedge.GetJobLog">["JobKind"]; job: string; ended: () => void }) {
  const [text, setText] = useState("");
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    let gone = false, timer = 0, position: number | undefined;
    const step = async (): Promise<void> => {
      try {
        const page = await call("Kedge.GetJobLog", { JobKind: kind, JobName: job, ...(position !== undefined ? { Position: position } : {}) });
        if (gone) return;
        position = page.NextPosition;
        if (page.Text) setText((old) => (old + page.Text).slice(-textMax));
        const runs = /STARTING|INPROGRESS|STOPPING/.test(page.JobStatus);
        if (runs || page.NextPosition < page.EndPosition) timer = window.setTimeout(() => void step(), page.NextPosition < page.EndPosition ? 0 : followMs);
        else ended();
      } catch {
        if (!gone) timer = window.setTimeout(() => void step(), 4 * followMs);
      }
    };
    void step();
    return () => { gone = true; clearTimeout(timer); };
  }, [kind, job]);
  useEffect(() => { box.current?.scrollTo(0, box.current.scrollHeight); }, [text]);
  return <Card title="Log"><pre class="log" ref={box} tabIndex={0} aria-label="Log of the job">{text || "Nothing yet."}</pre></Card>;
}
