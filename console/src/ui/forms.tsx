// Fields, dialogs and the confirmation that names what will happen.
// SPDX-License-Identifier: Apache-2.0
import type { ComponentChildren as Children, JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { ApiError } from "../core/api";

interface FieldProps {
  label: string;
  value: string;
  set: (value: string) => void;
  hint?: string;
  grow?: boolean;
}

export function Field(props: FieldProps & { type?: string; required?: boolean; pattern?: string; placeholder?: string; max?: number; list?: string[]; autofocus?: boolean }) {
  const id = useId();
  return (
    <div class={"field" + (props.grow ? " grow" : "")}>
      <label for={id}>{props.label}</label>
      <input id={id} class="input" type={props.type ?? "text"} value={props.value} required={props.required} pattern={props.pattern} maxLength={props.max}
        placeholder={props.placeholder} autoComplete={props.type === "password" ? "current-password" : "off"} spellcheck={false} autofocus={props.autofocus}
        list={props.list ? id + "l" : undefined} aria-describedby={props.hint ? id + "h" : undefined}
        onInput={(event) => props.set(event.currentTarget.value)} />
      {props.list && <datalist id={id + "l"}>{props.list.map((item) => <option key={item} value={item} />)}</datalist>}
      {props.hint && <span class="hint" id={id + "h"}>{props.hint}</span>}
    </div>
  );
}

export function Area(props: FieldProps & { placeholder?: string; rows?: number }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <textarea id={id} class="input" rows={props.rows ?? 6} placeholder={props.placeholder} spellcheck={false} value={props.value}
        aria-describedby={props.hint ? id + "h" : undefined} onInput={(event) => props.set(event.currentTarget.value)} />
      {props.hint && <span class="hint" id={id + "h"}>{props.hint}</span>}
    </div>
  );
}

export function Choice(props: FieldProps & { of: [string, string][]; bare?: boolean }) {
  const id = useId();
  return (
    <div class={"field" + (props.grow ? " grow" : "")}>
      <label for={id} class={props.bare ? "sr" : ""}>{props.label}</label>
      <select id={id} class="input" value={props.value} onChange={(event) => props.set(event.currentTarget.value)}>
        {props.of.map(([value, name]) => <option key={value} value={value} selected={value === props.value}>{name}</option>)}
      </select>
      {props.hint && <span class="hint">{props.hint}</span>}
    </div>
  );
}

export function FileField(props: { label: string; accept: string; set: (file: File) => void; hint?: string; required?: boolean }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input id={id} class="input" type="file" accept={props.accept} required={props.required}
        onChange={(event) => event.currentTarget.files?.[0] && props.set(event.currentTarget.files[0])} />
      {props.hint && <span class="hint">{props.hint}</span>}
    </div>
  );
}

/** A form that runs `submit`, is disabled meanwhile, and shows why it failed. */
export function Form(props: { submit: () => Promise<unknown>; word: string; children: Children; cancel?: () => void; danger?: boolean; note?: Children }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const run = async (event: JSX.TargetedEvent<HTMLFormElement>) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await props.submit();
    } catch (reason) {
      setError(reason as ApiError);
    }
    setBusy(false);
  };
  return (
    <form class="form" onSubmit={(event) => void run(event)}>
      {props.children}
      {error && <div class="note bad wrap" role="alert"><b>{error.code ?? "Error"}</b> {error.message}</div>}
      {props.note}
      <div class="end row">
        {props.cancel && <button type="button" class="button" onClick={props.cancel}>Cancel</button>}
        <button class={"button " + (props.danger ? "danger" : "first")} disabled={busy}>{busy ? "Working …" : props.word}</button>
      </div>
    </form>
  );
}

export function Dialog(props: { title: string; close: () => void; children: Children }) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    ref.current?.showModal();
    ref.current?.querySelector<HTMLElement>("input, select, textarea")?.focus();
    return () => before?.focus();
  }, []);
  return (
    <dialog ref={ref} aria-labelledby={id} onClose={props.close} onClick={(event) => event.target === ref.current && props.close()}>
      <div class="in">
        <h2 id={id}>{props.title}</h2>
        {props.children}
      </div>
    </dialog>
  );
}

/** A button that opens a dialog. */
export function Opens(props: { word: string; title?: string; first?: boolean; danger?: boolean; small?: boolean; children: (close: () => void) => Children }) {
  const [open, setOpen] = useState(false);
  const close = () => setOpen(false);
  const name = `button${props.first ? " first" : ""}${props.danger ? " danger" : ""}${props.small ? " small" : ""}`;
  return (
    <>
      <button type="button" class={name} onClick={() => setOpen(true)}>{props.word}</button>
      {open && <Dialog title={props.title ?? props.word} close={close}>{props.children(close)}</Dialog>}
    </>
  );
}

/** Asks before something that cannot be taken back; `effect` says what will happen. */
export function Confirm(props: { word: string; title: string; effect: Children; run: () => Promise<unknown>; small?: boolean; danger?: boolean; first?: boolean }) {
  return (
    <Opens word={props.word} title={props.title} small={props.small} danger={props.danger ?? true} first={props.first}>
      {(close) => (
        <Form word={props.word} danger={props.danger ?? true} cancel={close} submit={() => props.run().then(close)}>
          <p>{props.effect}</p>
        </Form>
      )}
    </Opens>
  );
}
