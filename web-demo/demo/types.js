// The shapes that the page's modules pass to each other, as JSDoc types; no code. `Room` names
// only what the page uses of the browser client, and views carry the fields of the demo's games,
// which the client knows from the welcome alone.

/**
 * @typedef {{seat: number, entity: number, name: string, away: boolean}} Player `away`: their seat waits for them
 * @typedef {{type: 'joined', player: Player} | {type: 'left', seat: number} | {type: 'disconnected' | 'reconnected', seat: number}} PlayerChange
 * @typedef {{from: number, name: string, text: string, private: boolean, tick: number}} ChatLine
 *
 * @typedef {object} View One entity as it should be drawn now, in metres and radians.
 * @property {number} id
 * @property {string} kind avatar, walker, spark, snowball or crowd
 * @property {number} x
 * @property {number} y
 * @property {number} [heading]
 * @property {string} [mood] idle, run, dash or hit
 * @property {number} [score]
 * @property {number} [colour]
 * @property {number | boolean} [shield]
 * @property {number} [reload]
 * @property {string} [size] small or big
 * @property {number} [count] of a crowd: avatars in its block of the map
 *
 * @typedef {object} RoomStats
 * @property {number} ping
 * @property {number} tick
 * @property {number} serverTickLag ticks
 * @property {number} heldFrames
 * @property {number} bytesDownPerSecond
 * @property {number} bytesUpPerSecond
 * @property {number} frameBytes so far
 * @property {number} bytesPerPlayerTick
 * @property {number} corrections
 * @property {number} desyncs
 * @property {number} interpolationDelay
 * @property {number} displayAge milliseconds
 * @property {number} bufferDepth milliseconds
 * @property {number} correctionSize metres
 * @property {number | null} inputLead ticks
 * @property {number} rows in all zones
 * @property {number} cells of the grid, with rows
 * @property {number} cellsWaiting at the server
 * @property {Record<string, number>} rowsWaiting in those cells, by kind
 * @property {number} oldestCell ticks
 *
 * @typedef {'online' | 'reconnecting' | 'closed'} Connection
 * @typedef {() => void} Unsubscribe
 *
 * @typedef {object} Room
 * @property {string} id
 * @property {string} game
 * @property {number} rate
 * @property {number} seat
 * @property {number} entity
 * @property {'player' | 'spectator'} role
 * @property {'server' | 'client'} authority
 * @property {Record<string, string>} properties
 * @property {Map<number, Player>} players
 * @property {{tick: number, entities: Map<number, View>}} state
 * @property {RoomStats} stats
 * @property {(kind: number, body: Uint8Array) => boolean} [send] a command of the game; not in films
 * @property {Connection} connection
 * @property {import('../client/grid.js').WorldGrid | null} [grid] where players see only what is around them
 * @property {() => import('../client/grid.js').HeldCell[]} cells of the grid, as far as the client has them
 * @property {import('../client/index.js').WatchedRoom} [watched] of a room that is seen as a film
 * @property {(now: number) => View[]} view
 * @property {(values: Record<string, number | boolean>) => void} setInput
 * @property {(values: Record<string, number | boolean>) => void} pressInput
 * @property {(predictor: any) => void} usePrediction
 * @property {(handler: (event: import('../client/index.js').PredictedEvent) => void) => Unsubscribe} onPredicted what the own avatar does
 * @property {(kind: string, handler: (entity: View) => void) => Unsubscribe} onAdd also for those that are there
 * @property {(kind: string, handler: (entity: View) => void) => Unsubscribe} onRemove
 * @property {(kind: number | '*', handler: (body: Uint8Array) => void) => Unsubscribe} onMessage
 * @property {(handler: (code: number, reason: string, willReconnect: boolean) => void) => Unsubscribe} onLeave
 * @property {(handler: (state: Connection) => void) => Unsubscribe} onConnection
 * @property {(handler: (players: Map<number, Player>, change: PlayerChange | null) => void) => Unsubscribe} onPlayers
 * @property {(text: string) => Promise<number>} chat
 * @property {(handler: (line: ChatLine) => void) => Unsubscribe} onChat the own lines too
 * @property {(handler: (lost: number) => void) => Unsubscribe} onGap
 * @property {(handler: () => void) => Unsubscribe} onStateChange
 * @property {(handler: () => void) => Unsubscribe} onResume the same seat, entity and state
 * @property {(handler: () => void) => Unsubscribe} onReconnect seat, entity and state are new
 * @property {(handler: () => void) => Unsubscribe} onCorrection the server moved the own entity
 * @property {(seconds: number) => void} keepClip
 * @property {() => Uint8Array | null} clip what was seen in the seconds that are kept
 * @property {() => Promise<void>} leave done when the seat is free; joins wait for it
 *
 * @typedef {object} Ground What the page needs of a map.
 * @property {number} width in tiles of one metre
 * @property {number} height
 * @property {(tx: number, ty: number) => boolean} solid
 * @property {import('./arena.js').TileMap} [tiles] as the arena's rules read it
 */

export {};
