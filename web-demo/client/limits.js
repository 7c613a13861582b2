// Every limit of messages in both directions, with its reason. Those of a client's messages are the server's, which closes the
// connection for a message beyond them; those of a server's messages bound the work and memory of a page.

/** Bytes of a room id, game name, ticket, option key or option value. */
export const TEXT = 64;
/** Options in a hello, per list. */
export const OPTIONS = 16;
/** Of a player's name: characters as people count them, and bytes. */
export const NAME_CHARS = 24;
export const NAME_BYTES = 256;
/** Bytes of a join token. */
export const TOKEN = 4 * 1024;
/** Bytes of a message to the game. */
export const BODY = 1024;
/** Of a chat line: characters as people count them, bytes, and recipients. */
export const CHAT_CHARS = 240;
export const CHAT_BYTES = 960;
export const CHAT_RECIPIENTS = 16;

/** Bytes of one message from the server: a keyframe of some 10,000 rows or a roster of 4,096. */
export const SERVER_MESSAGE = 4 * 1024 * 1024;
/** Bytes of a text in it: the longest is a chat line, of 240 characters. */
export const SERVER_TEXT = 1024;
/** Bytes of a resume token. */
export const RESUME = 64;
/** Extensions of a hello or welcome, and bytes of one. */
export const EXTENSIONS = 16;
export const EXTENSION = 256;
/** Properties of a room. */
export const PROPERTIES = 32;
/** Events of one message, into which the server puts 64: each costs some work where it waits. */
export const EVENTS_PER_MESSAGE = 1024;
/** Zones that a client has: a view of a large world as a whole. Each costs memory for every kind of the schema. */
export const ZONES = 4096;
/** Rows of all zones: a few bytes can describe many. */
export const ROWS = 65536;
/** Cells of all entities' histories, of four bytes each: 10,000 entities with ten fields at 60 Hz take a fifth of it. */
export const HISTORY_CELLS = 2 ** 25;
/** Cells that one message may cause to be decoded or advanced, a few hundred milliseconds of work: a chain of 32 ticks of 10,000
 * rows with 25 cells. */
export const CELLS_PER_MESSAGE = 2 ** 23;
/** The longest time that a server can ask a client to wait before it reconnects, in milliseconds. */
export const COME_BACK = 3600_000;
/** Connections in a row that end because of messages that cannot be read, before the client gives the server up. */
export const BROKEN_CONNECTIONS = 4;
/** Of a film: bytes of its file, CBOR items in a block of it and how deep they nest, and changes beside the rows. The fullest
 * recording of a server has a tenth of each. */
export const FILM_BYTES = 64 * 1024 * 1024;
export const CBOR_ITEMS = 2 ** 22;
export const CBOR_DEPTH = 16;
export const FILM_CHANGES = 2 ** 20;
/** Ticks from one keyframe of a film to the next: a minute at the highest rate. */
export const FILM_TICKS = 120 * 60;
/** Cells that one seek may decode or advance: two seconds of 4,096 rows with 25 cells at 120 Hz are a third of it. */
export const CELLS_PER_SEEK = 2 ** 26;
/** Servers to which a client is sent in a row, and how often it asks the first one again, before it gives up. */
export const REDIRECTS = 4;
