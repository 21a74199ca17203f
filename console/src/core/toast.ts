// Short messages, some of which can be taken back.
// SPDX-License-Identifier: Apache-2.0
import { signal } from "@preact/signals";

export interface Toast {
  id: number;
  text: string;
  undo?: () => void;
}

const shownMs = 6000;
const toastsMax = 4;
let next = 1;
export const toasts = signal<Toast[]>([]);

export const dismiss = (id: number): void => {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
};

export function tell(text: string, undo?: () => void): void {
  const id = next++;
  toasts.value = [...toasts.value, { id, text, undo }].slice(-toastsMax);
  setTimeout(() => dismiss(id), shownMs);
}
