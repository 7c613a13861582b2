// The summary as HTML, for the page as it is first sent and for what it gets later.

export function summaryHtml() {
  const { live, players, last } = summary;
  return `
    <p role="status">${live ? '' : 'The game server does not answer. Below is the room as it was.'}</p>
    <p>${count(players.length)} in the room</p>
    <ol>${players.map(({ name, score, away }) => `<li>${text(name)}: ${score}${away ? ' (away)' : ''}</li>`).join('')}</ol>
    ${last ? `<p>Last match: ${count(last.players)}, ${Math.round((last.ended - last.began) / 1000)} s${result(last.result)}</p>` : ''}`;
}

function count(players: number) {
  return `${players} ${players === 1 ? 'player' : 'players'}`;
}

function result(of: unknown) {
  return of === null ? '' : `, ${text(JSON.stringify(of))}`;
}

/** Names and results are whatever players and games make of them. */
function text(any: string) {
  return any.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
