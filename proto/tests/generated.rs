//! The committed Rust is what the `.proto` files say.

use std::path::Path;
use std::{env, fs};

#[test]
fn committed_code_is_what_the_proto_files_generate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().unwrap();
    let files = protox::compile(["seismic.proto", "state.proto"], [root]).unwrap();
    // Few sensors have it, and all of them would pay for it.
    let mut config = prost_build::Config::new();
    config.boxed(".seismic.state.v1.Sensor.irregular");
    config.out_dir(out.path()).compile_fds(files).unwrap();

    for name in ["com.example.seismic.rs", "seismic.state.v1.rs"] {
        let fresh = fs::read_to_string(out.path().join(name)).unwrap();
        let path = root.join("src/generated").join(name);
        if env::var_os("UPDATE_GENERATED").is_some() {
            fs::write(&path, &fresh).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            fresh == committed,
            "{name} is not what the .proto files generate; \
             run UPDATE_GENERATED=1 cargo test -p seismic-proto and commit the result"
        );
    }
}
