//! A strict reader of the pickles that CIFAR's Python version consists of.
//!
//! A pickle is a program for a small stack machine; Python 2 wrote these in protocol 2. The reader knows the operations
//! that occur in them and no other. It calls nothing: of the two functions that the files name, both of NumPy, it knows
//! what they would have made, an array of bytes and the type of its elements. Anything else is an error.
//! The machine is described in Python's module `pickletools`.

mod machine;

use machine::Machine;

/// A value on the stack. Lists, tuples and dictionaries lie in `Machine`, since they may be shared and still grow.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// A string, of bytes or of UTF-8.
    Bytes(&'a [u8]),
    Sequence(usize),
    Dictionary(usize),
    /// A function or type, named but not called.
    Name(Known),
    /// A type of elements, told by its short name.
    Type(&'a [u8]),
    Array(usize),
}

/// What a pickle may name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Reconstruct,
    NdArray,
    DType,
}

#[derive(Clone, Debug, Default)]
struct Array<'a> {
    shape: Vec<i64>,
    bytes: &'a [u8],
}

/// A pickle that has been run: a dictionary, as all these files are.
pub(super) struct Pickle<'a> {
    entries: Vec<(Value<'a>, Value<'a>)>,
    sequences: Vec<Vec<Value<'a>>>,
    arrays: Vec<Array<'a>>,
}

impl<'a> Pickle<'a> {
    /// Runs the pickle. Errors are a few words without the file's name.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let mut machine = Machine::new(bytes);
        match machine.run() {
            Ok(Value::Dictionary(index)) => Ok(Self {
                entries: machine.dictionaries.swap_remove(index),
                sequences: machine.sequences,
                arrays: machine.arrays,
            }),
            Ok(_) => Err("the pickle holds no dictionary".into()),
            Err(problem) => Err(format!("{problem} before byte {} of the pickle", machine.at)),
        }
    }

    fn get(&self, key: &str) -> Result<Value<'a>, String> {
        let is_key = |value: &Value| matches!(value, Value::Bytes(bytes) if *bytes == key.as_bytes());
        // As in Python the last one counts.
        let found = self.entries.iter().rev().find(|(name, _)| is_key(name));
        found.map(|(_, value)| *value).ok_or_else(|| format!("the pickle has no entry `{key}`"))
    }

    fn sequence(&self, key: &str) -> Result<&[Value<'a>], String> {
        match self.get(key)? {
            Value::Sequence(index) => Ok(&self.sequences[index]),
            _ => Err(format!("the pickle's entry `{key}` is no list")),
        }
    }

    /// The list of numbers under a key.
    pub(super) fn ints(&self, key: &str) -> Result<Vec<i64>, String> {
        let int = |value: &Value| match value {
            Value::Int(int) => Ok(*int),
            _ => Err(format!("the pickle's entry `{key}` is no list of numbers")),
        };
        self.sequence(key)?.iter().map(int).collect()
    }

    /// The list of strings under a key.
    pub(super) fn strings(&self, key: &str) -> Result<Vec<String>, String> {
        let string = |value: &Value| match value {
            Value::Bytes(bytes) => String::from_utf8(bytes.to_vec()).ok(),
            _ => None,
        };
        let strings: Option<Vec<String>> = self.sequence(key)?.iter().map(string).collect();
        strings.ok_or_else(|| format!("the pickle's entry `{key}` is no list of names"))
    }

    /// Shape and elements, row by row, of the array of bytes under a key.
    pub(super) fn array(&self, key: &str) -> Result<(&[i64], &'a [u8]), String> {
        match self.get(key)? {
            Value::Array(index) => Ok((&self.arrays[index].shape, self.arrays[index].bytes)),
            _ => Err(format!("the pickle's entry `{key}` is no array")),
        }
    }
}
