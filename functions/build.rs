//! Every function is linked to run where it is put: else, as it starts, each of its some 40,000 addresses is moved, one by one, and
//! the pages that they are in are copied, which takes a fifth of the time.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
