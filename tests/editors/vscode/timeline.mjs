// Clocks in the page: when a key came, when messages went to the editor's extension host and came from it, when ghost text stood
// in the document and when it was painted. Invariant: times are those of the system's clock, so that they can be put beside
// what the server records; watching changes nothing of what passes.

/** Prepares a page that is to be opened. */
export function watchPage(page) {
  return page.addInitScript(() => {
    const now = () => performance.timeOrigin + performance.now();
    let times;
    const state = () => ({ key: undefined, sent: [], got: [], changed: undefined, shown: undefined });
    const Plain = window.WebSocket;
    window.WebSocket = class extends Plain {
      constructor(...args) {
        super(...args);
        // Before anybody who waits for it.
        this.addEventListener("message", () => times?.got.push(now()));
      }
      send(data) {
        times?.sent.push(now());
        super.send(data);
      }
    };
    document.addEventListener("keydown", () => times && (times.key ??= now()), true);
    const look = () => {
      if (!times?.key || times.changed || !document.querySelector(".ghost-text-decoration, .ghost-text")) return;
      times.changed = now();
      // The frame in which it is painted.
      const mine = times;
      requestAnimationFrame(() => (mine.shown = now()));
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
    window.timeline = {
      /** From the next key on. */
      arm: () => (times = state()),
      isShown: () => times?.shown !== undefined,
      /** What was seen since that key. */
      taken: () => times,
    };
  });
}
