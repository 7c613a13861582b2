//! An echo endpoint for `scripts/autobahn`, not an example for embedders. `/shipped` has the guard, the limits and the codec of
//! a session; `/open` refuses nothing, so that framing, fragments and UTF-8 are tested too.
//!
//! It prints its port, and ends when its standard input ends.

#[path = "../../src/actor/frame_guard.rs"]
mod frame_guard;
#[path = "../../src/actor/ws_message.rs"]
mod ws_message;

use std::io::Read;
use std::rc::Rc;

use actix::{Actor, ActorContext, StreamHandler};
use actix_http::ws::Item;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_web_actors::ws;
// The two files above know it as this.
use tickwire::wire;
use wire::{Close, limits};

use frame_guard::{FrameGuard, GuardState};
use ws_message::{WsMessage, ws_message};

/// What the largest cases need.
const OPEN_SIZE: usize = 20 * 1024 * 1024;

struct Shipped {
    guard_state: Rc<GuardState>,
}

/// The message whose fragments are coming, and whether it is text.
#[derive(Default)]
struct Open {
    whole: Vec<u8>,
    is_text: bool,
}

impl Actor for Shipped {
    type Context = ws::WebsocketContext<Self>;
}

impl Actor for Open {
    type Context = ws::WebsocketContext<Self>;
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Shipped {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        self.guard_state.hear();
        match ws_message(message, self.guard_state.offence()) {
            Ok(WsMessage::Bytes(bytes)) => ctx.binary(bytes),
            Ok(WsMessage::Ping(stamp)) => ctx.pong(&stamp),
            Ok(WsMessage::Pong | WsMessage::Nothing) => {}
            Err(close) => finish(close, ctx),
        }
    }
}

impl Open {
    fn add(&mut self, bytes: &[u8]) -> Result<(), Close> {
        self.whole.extend_from_slice(bytes);
        if self.whole.len() > OPEN_SIZE { Err(Close::TooBig) } else { Ok(()) }
    }

    fn fragment(&mut self, item: Item, ctx: &mut ws::WebsocketContext<Self>) -> Result<(), Close> {
        match item {
            Item::FirstText(bytes) => {
                self.is_text = true;
                self.add(&bytes)
            }
            Item::FirstBinary(bytes) => {
                self.is_text = false;
                self.add(&bytes)
            }
            Item::Continue(bytes) => self.add(&bytes),
            Item::Last(bytes) => {
                self.add(&bytes)?;
                let whole = std::mem::take(&mut self.whole);
                if self.is_text {
                    ctx.text(String::from_utf8(whole).map_err(|_| Close::BadUtf8)?);
                } else {
                    ctx.binary(whole);
                }
                Ok(())
            }
        }
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Open {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        let went = match message {
            Ok(ws::Message::Text(text)) => {
                ctx.text(text);
                Ok(())
            }
            Ok(ws::Message::Continuation(item)) => self.fragment(item, ctx),
            // The codec tells these two by their words only; the guard finds the latter before it does.
            Err(ws::ProtocolError::Io(error)) if error.to_string().contains("utf-8") => Err(Close::BadUtf8),
            Err(ws::ProtocolError::Io(error)) if error.to_string().contains("reserved bits") => Err(Close::Protocol),
            message => ws_message(message, None).map(|message| match message {
                WsMessage::Bytes(bytes) => ctx.binary(bytes),
                WsMessage::Ping(stamp) => ctx.pong(&stamp),
                WsMessage::Pong | WsMessage::Nothing => {}
            }),
        };
        if let Err(close) = went {
            finish(close, ctx);
        }
    }
}

fn finish<A: Actor<Context = ws::WebsocketContext<A>>>(close: Close, ctx: &mut ws::WebsocketContext<A>) {
    if close != Close::Lost {
        let code = ws::CloseCode::from(close.code());
        ctx.close(Some(ws::CloseReason { code, description: Some(close.text().to_owned()) }));
    }
    ctx.stop();
}

async fn shipped(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, actix_web::Error> {
    let guard_state = Rc::new(GuardState::default());
    let frame_guard = FrameGuard::new(payload, guard_state.clone());
    ws::WsResponseBuilder::new(Shipped { guard_state }, &request, frame_guard)
        .frame_size(limits::CLIENT_MESSAGE)
        .start()
}

async fn open(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, actix_web::Error> {
    ws::WsResponseBuilder::new(Open::default(), &request, payload).frame_size(OPEN_SIZE).start()
}

fn main() -> std::io::Result<()> {
    actix_web::rt::System::new().block_on(async {
        let routes = |app: &mut web::ServiceConfig| {
            app.route("/shipped", web::get().to(shipped)).route("/open", web::get().to(open));
        };
        let server = HttpServer::new(move || App::new().configure(routes)).workers(1).disable_signals();
        let server = server.bind("127.0.0.1:0")?;
        println!("{}", server.addrs()[0].port());
        let running = server.run();
        let handle = running.handle();
        let ended = std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            drop(handle.stop(false));
        });
        let result = running.await;
        let _ = ended.join();
        result
    })
}
