// The page: it has the summary when it arrives, and gets it again whenever it changes.

export default defineEventHandler(() => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Who plays</title>
<link rel="icon" href="data:,">
<style>
  body { max-width: 30rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; }
  [role=status]:empty { display: none; }
  [role=status] { padding: .5rem 1rem; background: #fff0c2; }
</style>
<h1>Who plays</h1>
<p id="own" role="status"></p>
<main>${summaryHtml()}</main>
<script type="module">
  const own = document.querySelector('#own');
  function connect() {
    const socket = new WebSocket('/_ws');
    socket.onopen = () => { own.textContent = ''; };
    socket.onmessage = ({ data }) => { document.querySelector('main').innerHTML = data; };
    socket.onclose = () => {
      own.textContent = 'This page is not connected. Trying again.';
      setTimeout(connect, 1000 + 2000 * Math.random());
    };
  }
  connect();
</script>
</html>`);
