// Sends the summary to a page: at once, and whenever it changes.

export default defineWebSocketHandler({
  open(peer) {
    pages.add(peer);
    peer.send(summaryHtml());
  },
  close(peer) {
    pages.delete(peer);
  },
});
