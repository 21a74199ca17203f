// Data of a page: asked once it is shown, and again whenever something has happened.
// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from "preact/hooks";
import { type Answer, type ApiError, type Ask, type Operation, call, callAll } from "./api";
import { changes } from "./live";

export interface Loaded<T> {
  data: T | undefined;
  error: ApiError | undefined;
  again: () => void;
}

const settleMs = 300;

/** The result of `work`; anew when `key` changes, after events, and every `every` ms if given. */
export function useLoaded<T>(key: string, work: () => Promise<T>, every = 0): Loaded<T> {
  const [state, setState] = useState<{ key: string; data?: T; error?: ApiError }>({ key });
  const [turn, setTurn] = useState(0);
  const newest = useRef(0);
  const change = changes.value;
  useEffect(() => {
    const mine = ++newest.current;
    const ask = () => work().then(
      (data) => mine === newest.current && setState({ key, data }),
      (error: ApiError) => mine === newest.current && setState((old) => ({ key, data: old.key === key ? old.data : undefined, error })));
    const isFirst = state.key !== key || (state.data === undefined && state.error === undefined);
    const wait = setTimeout(ask, isFirst || turn ? 0 : settleMs);
    const timer = every ? setInterval(() => document.hidden || void ask(), every) : 0;
    return () => {
      clearTimeout(wait);
      clearInterval(timer);
    };
  }, [key, change, turn, every]);
  const fresh = state.key === key;
  return { data: fresh ? state.data : undefined, error: fresh ? state.error : undefined, again: () => setTurn((n) => n + 1) };
}

export function useCall<K extends Operation>(operation: K, request: Ask<K> | null, every = 0): Loaded<Answer<K>> {
  return useLoaded(operation + JSON.stringify(request),
    () => (request === null ? new Promise<Answer<K>>(() => {}) : call(operation, request)), every);
}

/** The items of all pages. */
export function useAll<K extends Operation, T>(
  operation: K, request: Ask<K>, items: (page: Answer<K>) => T[], most = 10): Loaded<T[]> {
  return useLoaded(operation + "*" + JSON.stringify(request),
    async () => (await callAll(operation, request, most)).flatMap(items));
}
