//! The driver manager (unixODBC), loaded when the first connection is made: a program that has this
//! sink starts on machines that have no ODBC, and is built on them.

#![allow(unsafe_code)] // It exists for that: functions of a library that is loaded while we run.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::OnceLock;

/// A handle: of an environment, a connection or a statement.
pub(super) type Handle = *mut c_void;

/// The kind of handle that a connection is.
pub(super) const CONNECTION: i16 = 2;

/// What a library of this kind is called: unixODBC of today, of before 2.3, and where its development
/// package is installed; that of macOS.
const LIBRARIES: [&CStr; 4] = [c"libodbc.so.2", c"libodbc.so.1", c"libodbc.so", c"libodbc.2.dylib"];

/// Every name is looked up at once.
const NOW: c_int = 2;

/// What is loaded already, and stays until the process ends.
const LOADED_FOR_EVER: c_int = 0x4 | 0x1000;

unsafe extern "C" {
    fn dlopen(file: *const c_char, mode: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// Defines the table of functions, and how it is loaded.
macro_rules! functions {
    ($($field:ident: $name:literal ($($argument:ty),*);)*) => {
        /// Functions of the driver manager, as the documentation of ODBC 3.8 declares them; texts are
        /// UTF-16, of two bytes each.
        #[derive(Debug)]
        pub(super) struct Manager {
            $(pub(super) $field: unsafe extern "C" fn($($argument),*) -> i16,)*
        }

        impl Manager {
            /// All functions of a library.
            fn of(library: *mut c_void) -> Option<Manager> {
                Some(Manager {
                    $($field: {
                        // SAFETY: the library is loaded and never unloaded, and the name ends with 0.
                        let found = unsafe { dlsym(library, $name.as_ptr()) };
                        if found.is_null() {
                            return None;
                        }
                        // SAFETY: what has this name in a driver manager is a function of this type.
                        unsafe {
                            std::mem::transmute::<
                                *mut c_void,
                                unsafe extern "C" fn($($argument),*) -> i16,
                            >(found)
                        }
                    },)*
                })
            }
        }
    };
}

functions! {
    alloc_handle: c"SQLAllocHandle" (i16, Handle, *mut Handle);
    free_handle: c"SQLFreeHandle" (i16, Handle);
    set_env_attr: c"SQLSetEnvAttr" (Handle, i32, *mut c_void, i32);
    set_connect_attr: c"SQLSetConnectAttr" (Handle, i32, *mut c_void, i32);
    driver_connect: c"SQLDriverConnectW" (
        Handle, *mut c_void, *const u16, i16, *mut u16, i16, *mut i16, u16
    );
    disconnect: c"SQLDisconnect" (Handle);
    end_tran: c"SQLEndTran" (i16, Handle, i16);
    get_diag_rec: c"SQLGetDiagRecW" (
        i16, Handle, i16, *mut u16, *mut i32, *mut u16, i16, *mut i16
    );
    get_info: c"SQLGetInfoW" (Handle, u16, *mut c_void, i16, *mut i16);
    prepare: c"SQLPrepareW" (Handle, *const u16, i32);
    execute: c"SQLExecute" (Handle);
    bind_parameter: c"SQLBindParameter" (
        Handle, u16, i16, i16, i16, usize, i16, *mut c_void, isize, *mut isize
    );
    set_stmt_attr: c"SQLSetStmtAttr" (Handle, i32, *mut c_void, i32);
    num_result_cols: c"SQLNumResultCols" (Handle, *mut i16);
    describe_col: c"SQLDescribeColW" (
        Handle, u16, *mut u16, i16, *mut i16, *mut i16, *mut usize, *mut i16, *mut i16
    );
    fetch: c"SQLFetch" (Handle);
    get_data: c"SQLGetData" (Handle, u16, i16, *mut c_void, isize, *mut isize);
    row_count: c"SQLRowCount" (Handle, *mut isize);
    free_stmt: c"SQLFreeStmt" (Handle, u16);
}

/// Keeps the library of a driver, which the driver manager unloads with the last connection: threads
/// that it has used would end in code that is not there any more.
pub(super) fn keep(driver: &str) {
    let Ok(name) = CString::new(driver) else { return };
    if cfg!(target_os = "linux") {
        // SAFETY: the name ends with 0, and nothing is loaded that is not loaded already.
        unsafe { dlopen(name.as_ptr(), NOW | LOADED_FOR_EVER) };
    }
}

/// The driver manager; `None` where this machine has none.
pub(super) fn manager() -> Option<&'static Manager> {
    static MANAGER: OnceLock<Option<Manager>> = OnceLock::new();
    let load = || {
        LIBRARIES.iter().find_map(|name| {
            // SAFETY: the name ends with 0; what the library does when it is loaded is its own affair,
            // as with every library that a program is linked with.
            let library = unsafe { dlopen(name.as_ptr(), NOW) };
            if library.is_null() { None } else { Manager::of(library) }
        })
    };
    MANAGER.get_or_init(load).as_ref()
}
