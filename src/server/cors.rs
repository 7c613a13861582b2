//! Lets pages of the origins that may connect use the public API, by CORS headers. Other pages get none, so browsers keep the
//! answers from them. One setting decides both; see `origin`.

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use super::handshake::{may_connect, refuse};
use super::routes::{AppState, receive};
use crate::actor::Refusal;
use crate::wire::limits;

/// Handles a request of a route that other origins may use with the methods `allowed`: answers preflights, and adds the
/// headers to the route's answers and errors. Otherwise like [`receive`].
pub async fn share(
    request: ServiceRequest,
    next: Next<BoxBody>,
    allowed: &'static str,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (origin, state) = (request.headers().get(ORIGIN).cloned(), request.app_data::<web::Data<AppState>>().cloned());
    let (Some(origin), Some(state)) = (origin, state) else {
        return receive(request, next).await.map(vary);
    };
    let admitted = may_connect(request.request().head(), &state);
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let response = match (is_preflight, admitted) {
        (false, _) => receive(request, next).await?,
        (true, true) => request.into_response(preflight(allowed)),
        (true, false) => {
            let refused = refuse(request.request().head(), Refusal::Origin, &state);
            request.into_response(refused)
        }
    };
    let mut response = vary(response);
    if admitted {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    }
    Ok(response)
}

fn preflight(allowed: &'static str) -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, allowed))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"))
        .insert_header((ACCESS_CONTROL_MAX_AGE, limits::PREFLIGHT_KEPT))
        .finish()
}

/// Caches must not give the answer for one origin to another.
fn vary(mut response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    response.headers_mut().append(VARY, HeaderValue::from_static("origin"));
    response
}
