// Before the first paint: the theme that was chosen, so that a dark page does not flash.
// SPDX-License-Identifier: Apache-2.0
try {
  const theme = localStorage.getItem("kedge.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the system's theme counts.
}
