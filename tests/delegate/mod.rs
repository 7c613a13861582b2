//! Games of tests that are another game but for a hook or two.

/// The hooks of a game that wraps another one in the field, and passes them on: `delegate!(0: spec, join, leave)` in its
/// `impl Game`.
macro_rules! delegate {
    ($field:tt: $($hook:ident),+) => {
        $(delegate!(@$hook $field);)+
    };
    (@spec $field:tt) => {
        fn spec(&self) -> tickwire::game::Spec {
            self.$field.spec()
        }
    };
    (@join $field:tt) => {
        fn join(
            &mut self,
            player: &tickwire::game::Player,
            cx: &mut tickwire::game::Context,
        ) -> Result<tickwire::id::EntityId, tickwire::game::Refused> {
            self.$field.join(player, cx)
        }
    };
    (@leave $field:tt) => {
        fn leave(&mut self, seat: tickwire::id::Seat, cx: &mut tickwire::game::Context) {
            self.$field.leave(seat, cx);
        }
    };
    (@step $field:tt) => {
        fn step(&mut self, inputs: &[tickwire::game::PlayerInput], cx: &mut tickwire::game::Context) {
            self.$field.step(inputs, cx);
        }
    };
    (@write_snapshot $field:tt) => {
        fn write_snapshot(&self, out: &mut tickwire::game::SnapshotWriter) {
            self.$field.write_snapshot(out);
        }
    };
    (@save $field:tt) => {
        fn save(&self) -> Option<tickwire::game::Saved> {
            self.$field.save()
        }
    };
    (@load $field:tt) => {
        fn load(&mut self, saved: &tickwire::game::Saved) -> Result<(), tickwire::game::LoadError> {
            self.$field.load(saved)
        }
    };
}
