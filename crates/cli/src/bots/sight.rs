//! What a bot sees of the state: positions in metres, taken from the fields `x` and `y`.

use super::autopilot::{View, metres};
use tickwire::engine::Client;
use tickwire::id::{EntityId, KindId};
use tickwire::snapshot::{Kind, Motion, Schema, Shape, Zone};

/// Where positions are in the rows of a room, and which entity is the player's.
#[derive(Debug)]
pub struct Sight {
    schema: Schema,
    entity: EntityId,
    /// By kind: the columns of x and y with their shapes.
    places: Vec<Option<[(usize, Shape); 2]>>,
}

impl Sight {
    /// The sight of the player whose entity is `entity`.
    pub fn new(schema: Schema, entity: EntityId) -> Self {
        let places = schema.kinds().iter().map(columns).collect();
        Self { schema, entity, places }
    }

    /// The player's position, and the nearest other one of the same kind.
    pub fn look(&self, client: &Client) -> View {
        let Some((kind, own)) = self.own(client) else { return View::default() };
        let rows = client.zones().values().flat_map(|zone| zone.rows(&self.schema));
        let others = rows.filter(|row| row.kind == kind && row.id != self.entity);
        let places = others.filter_map(|row| self.place(kind, row.values));
        let distance = |(x, y): &(f64, f64)| (x - own.0).hypot(y - own.1);
        let nearest = places.min_by(|a, b| distance(a).total_cmp(&distance(b)));
        View { own: Some(own), nearest }
    }

    /// The kind and position of the player's entity.
    pub fn own(&self, client: &Client) -> Option<(KindId, (f64, f64))> {
        let kinds = (0_u8..).map(KindId).take(self.places.len());
        let zones = client.zones().values();
        zones.flat_map(|zone| kinds.clone().map(move |kind| (zone, kind))).find_map(|(zone, kind)| {
            let values = zone.find(&self.schema, kind, self.entity)?;
            Some((kind, self.place(kind, values)?))
        })
    }

    /// The values of the player's entity that move when it does: of the fields with a motion, or else of all. `None` while
    /// it has no row.
    pub fn own_motion(&self, client: &Client) -> Option<Vec<i32>> {
        let kinds = || (0_u8..).map(KindId).zip(self.schema.kinds());
        let zones = client.zones().values();
        let rows = zones.flat_map(|zone| {
            kinds().filter_map(move |(id, kind)| Some((kind, zone.find(&self.schema, id, self.entity)?)))
        });
        let values: Vec<_> = rows
            .flat_map(|(kind, values)| kind.fields.iter().map(|field| field.motion != Motion::Hold).zip(values))
            .collect();
        let moving: Vec<i32> = values.iter().filter(|(moves, _)| *moves).map(|(_, value)| **value).collect();
        let all = || values.iter().map(|(_, value)| **value).collect();
        (!values.is_empty()).then(|| if moving.is_empty() { all() } else { moving })
    }

    /// The player's entity.
    pub fn entity(&self) -> EntityId {
        self.entity
    }

    /// The entities of a zone that can be players, with their positions in quanta.
    pub fn peers<'a>(&'a self, zone: &'a Zone) -> impl Iterator<Item = (EntityId, [i32; 2])> + 'a {
        // Players are of the first kind that has a position.
        let first = self.places.iter().zip(0..).find_map(|(places, kind)| Some((places.as_ref()?, KindId(kind))));
        first.into_iter().flat_map(move |([(x, _), (y, _)], kind)| {
            let rows = zone.rows(&self.schema).filter(move |row| row.kind == kind);
            rows.map(move |row| (row.id, [row.values[*x], row.values[*y]]))
        })
    }

    /// Half a step of the position's coarser coordinate, in metres.
    pub fn half_step(&self, kind: KindId) -> f64 {
        let columns = self.places.get(usize::from(kind.0)).and_then(Option::as_ref);
        let steps = columns.into_iter().flatten().filter_map(|(_, shape)| metres(shape, 1));
        steps.fold(0.0, f64::max) / 2.0
    }

    fn place(&self, kind: KindId, values: &[i32]) -> Option<(f64, f64)> {
        let [(x, x_shape), (y, y_shape)] = self.places.get(usize::from(kind.0))?.as_ref()?;
        Some((metres(x_shape, values[*x])?, metres(y_shape, values[*y])?))
    }
}

fn columns(kind: &Kind) -> Option<[(usize, Shape); 2]> {
    let column = |name| {
        let index = kind.fields.iter().position(|field| field.name == name)?;
        let shape = kind.fields[index].shape.clone();
        matches!(shape, Shape::Fixed { .. } | Shape::Int { .. }).then_some((index, shape))
    };
    Some([column("x")?, column("y")?])
}
