//! The description of every route as OpenAPI 3.1, generated from the same list as the router.

use serde_json::{Map, Value, json};

use super::schemas::schemas;
use super::security::WRITE_HEADER;
use super::{Reply, Right, Route, api_error};

/// Where the description is.
pub const PATH: &str = "/api/v1/openapi.json";

/// The route of the description. Its content is that of all routes, which the router puts in.
pub fn route() -> Route {
    Route::get(PATH, "This description").needs(Right::Read).for_some_jobs().gives("OpenApi")
}

/// The description of these routes.
#[must_use]
pub fn openapi(routes: &[Route]) -> Value {
    let mut paths = Map::new();
    for route in routes {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "seismic",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Jobs of seismic: what they do, and what can be asked of them. Numbers are \
                            those of `seismic status --json`. x-seismic-right says which right \
                            a caller needs; /api/v1/whoami which ones one has.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

/// The route with its answer.
pub fn described(routes: Vec<Route>) -> Vec<Route> {
    let description = openapi(&routes);
    let fill = |route: Route| match route.path {
        PATH => {
            let description = description.clone();
            route.handled(move |_| Ok(Reply::Json(description.clone())))
        }
        _ => route,
    };
    routes.into_iter().map(fill).collect()
}

fn operation(route: &Route) -> Value {
    let in_path = route.path_parameters().map(|name| {
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
    });
    let in_query = route.query.iter().map(|param| {
        let schema = match param.is_number {
            true => json!({ "type": "integer", "minimum": 0 }),
            false => json!({ "type": "string" }),
        };
        json!({ "name": param.name, "in": "query", "description": param.help, "schema": schema })
    });
    let mut parameters: Vec<Value> = in_path.chain(in_query).collect();
    if route.method != axum::http::Method::GET {
        parameters.push(json!({
            "name": WRITE_HEADER,
            "in": "header",
            "required": true,
            "description": "Any value: no form and no link of another site can send it",
            "schema": { "type": "string" },
        }));
        if route.has_versions {
            parameters.push(json!({
                "name": "If-Match",
                "in": "header",
                "required": false,
                "description": "Tag of the version that this changes: where there is a newer one, it is \
                                refused; * changes whatever there is",
                "schema": { "type": "string" },
            }));
        }
    }
    let content = match route.gives {
        Some(schema) => json!({ "application/json": { "schema": reference(schema) } }),
        None => json!({ route.text_type: { "schema": { "type": "string" } } }),
    };
    let codes: Vec<&str> = api_error::CODES.iter().map(|(code, _)| *code).collect();
    let mut operation = json!({
        "summary": route.summary,
        "parameters": parameters,
        "responses": {
            route.status.as_str(): { "description": route.summary, "content": content },
            "default": {
                "description": format!("Why there is no answer: {}", codes.join(", ")),
                "content": { "application/json": { "schema": reference("Error") } },
            },
        },
    });
    if let Some(schema) = route.takes {
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": reference(schema) } },
        });
    }
    if let Some(upload) = &route.upload {
        operation["requestBody"] = json!({
            "required": true,
            "description": format!("The file, {} bytes at most", upload.most_bytes),
            "content": { "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } },
        });
    }
    if !route.is_open && !route.is_for_strangers {
        operation["security"] = json!([{ "token": [] }, {}]);
        // A page shows a button only to those who may press it.
        operation["x-seismic-right"] = json!(route.right.map(Right::name));
    }
    operation
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}
