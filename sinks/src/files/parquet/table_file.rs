//! Rows as Parquet: the types of columns, a file of rows, and the rows of a file.

use std::fs::File;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type,
};
use parquet::errors::Result as ParquetResult;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::record::{Field, Row as ParquetRow};
use parquet::schema::types::{Type, TypePtr};
use seismic_proto::{ColumnType, Row, Schema, ValueRef};
use seismic_queue::{Offset, Partition};

use crate::compare::sides::StoredRow;
use crate::rows::columns::{OFFSET, PARTITION, Source, TableColumn};

/// A row and its place in the result topic.
#[derive(Debug)]
pub(super) struct PlacedRow {
    pub(super) partition: Partition,
    pub(super) offset: Offset,
    pub(super) row: Row,
}

/// How rows of one schema become files.
#[derive(Debug)]
pub(super) struct FileFormat {
    pub(super) columns: Vec<TableColumn>,
    schema: TypePtr,
    compression: Compression,
}

impl FileFormat {
    /// Files of these columns; `compression` is `snappy` or `none`.
    pub(super) fn of(columns: Vec<TableColumn>, compression: &str) -> ParquetResult<FileFormat> {
        let fields = columns.iter().map(|column| type_of(column).map(Arc::new));
        let fields = fields.collect::<ParquetResult<Vec<_>>>()?;
        let schema = Type::group_type_builder("row").with_fields(fields).build()?;
        let compression = match compression {
            "none" => Compression::UNCOMPRESSED,
            _ => Compression::SNAPPY,
        };
        Ok(FileFormat { columns, schema: Arc::new(schema), compression })
    }

    /// Writes a file of these rows.
    pub(super) fn write(&self, of: &Schema, rows: &[PlacedRow], into: File) -> ParquetResult<File> {
        let properties = WriterProperties::builder().set_compression(self.compression);
        let properties = Arc::new(properties.build());
        let mut file = SerializedFileWriter::new(into, Arc::clone(&self.schema), properties)?;
        let mut group = file.next_row_group()?;
        for column in &self.columns {
            let Some(mut writer) = group.next_column()? else { break };
            put_column(column, of, rows, &mut writer)?;
            writer.close()?;
        }
        group.close()?;
        file.into_inner()
    }

    /// Each row of a file, with its place in the topic as the file says it.
    pub(super) fn read(
        file: File,
        mut each: impl FnMut(Option<i64>, Option<i64>, ParquetRow),
    ) -> ParquetResult<()> {
        for row in SerializedFileReader::new(file)?.get_row_iter(None)? {
            let row = row?;
            let number = |name: &str| {
                row.get_column_iter().find(|(of, _)| *of == name).and_then(|(_, it)| match it {
                    Field::Int(number) => Some(i64::from(*number)),
                    Field::Long(number) => Some(*number),
                    _ => None,
                })
            };
            let (partition, offset) = (number(PARTITION), number(OFFSET));
            each(partition, offset, row);
        }
        Ok(())
    }
}

fn type_of(column: &TableColumn) -> ParquetResult<Type> {
    let (physical, logical) = match column.kind {
        ColumnType::Text | ColumnType::Enum(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnType::Bool => (Physical::BOOLEAN, None),
        ColumnType::Int32 => (Physical::INT32, None),
        ColumnType::UInt32 | ColumnType::Int64 => (Physical::INT64, None),
        ColumnType::TimestampMs => {
            (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS)))
        }
        ColumnType::Float32 => (Physical::FLOAT, None),
        ColumnType::Float64 => (Physical::DOUBLE, None),
    };
    let repetition = if column.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    Type::primitive_type_builder(&column.name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .build()
}

/// What a column holds of a row.
fn value<'a>(column: &'a TableColumn, of: &'a Schema, at: &'a PlacedRow) -> ValueRef<'a> {
    match &column.source {
        Source::Field(place) => match at.row.get(*place) {
            ValueRef::Enum(number) => ValueRef::Text(of.columns()[*place].word(number)),
            value => value,
        },
        Source::Constant(text) => ValueRef::Text(text),
        Source::Partition => ValueRef::Int32(at.partition.0.cast_signed()),
        Source::Offset => ValueRef::Int64(at.offset.0.cast_signed()),
    }
}

fn put_column(
    column: &TableColumn,
    of: &Schema,
    rows: &[PlacedRow],
    writer: &mut SerializedColumnWriter<'_>,
) -> ParquetResult<()> {
    let values = || rows.iter().map(|row| value(column, of, row));
    let is_nullable = column.nullable;
    match column.kind {
        ColumnType::Bool => put::<BoolType>(is_nullable, values(), writer, |value| match value {
            ValueRef::Bool(value) => Some(value),
            _ => None,
        }),
        ColumnType::Int32 => put::<Int32Type>(is_nullable, values(), writer, |value| match value {
            ValueRef::Int32(value) => Some(value),
            _ => None,
        }),
        ColumnType::UInt32 | ColumnType::Int64 | ColumnType::TimestampMs => {
            put::<Int64Type>(is_nullable, values(), writer, |value| match value {
                ValueRef::Int64(value) => Some(value),
                ValueRef::UInt32(value) => Some(value.into()),
                _ => None,
            })
        }
        ColumnType::Float32 => {
            put::<FloatType>(is_nullable, values(), writer, |value| match value {
                ValueRef::Float32(value) => Some(value),
                _ => None,
            })
        }
        ColumnType::Float64 => {
            put::<DoubleType>(is_nullable, values(), writer, |value| match value {
                ValueRef::Float64(value) => Some(value),
                _ => None,
            })
        }
        ColumnType::Text | ColumnType::Enum(_) => {
            put::<ByteArrayType>(is_nullable, values(), writer, |value| match value {
                ValueRef::Text(text) => Some(ByteArray::from(text)),
                _ => None,
            })
        }
    }
}

/// Puts the values of one column; where it may be empty, a level for each row says whether it is.
fn put<'a, T: DataType>(
    is_nullable: bool,
    values: impl Iterator<Item = ValueRef<'a>>,
    writer: &mut SerializedColumnWriter<'_>,
    of: impl Fn(ValueRef<'a>) -> Option<T::T>,
) -> ParquetResult<()> {
    let (mut there, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        let value = of(value);
        levels.push(i16::from(value.is_some()));
        there.extend(value);
    }
    let levels = is_nullable.then_some(&*levels);
    writer.typed::<T>().write_batch(&there, levels, None).map(drop)
}

/// A row as a file gives it.
pub(super) struct FoundRow<'a> {
    pub(super) schema: &'a Schema,
    pub(super) columns: &'a [TableColumn],
    pub(super) found: &'a ParquetRow,
}

impl FoundRow<'_> {
    fn field(&self, name: &str) -> Option<&Field> {
        self.found.get_column_iter().find(|(of, _)| *of == name).map(|(_, field)| field)
    }
}

impl StoredRow for FoundRow<'_> {
    fn row(&self, mut expected: Row) -> Row {
        for column in self.columns {
            let Source::Field(place) = column.source else { continue };
            let of = &self.schema.columns()[place];
            let parsed;
            let value = match (self.field(&column.name), of.kind) {
                (Some(Field::Str(text)), ColumnType::Enum(_)) => {
                    parsed = of.parse(text);
                    parsed.as_ref().map_or(ValueRef::Null, |value| value.as_ref())
                }
                (Some(Field::Bool(value)), _) => ValueRef::Bool(*value),
                (Some(Field::Int(value)), _) => ValueRef::Int32(*value),
                (Some(Field::Long(value)), ColumnType::UInt32) => {
                    u32::try_from(*value).map_or(ValueRef::Null, ValueRef::UInt32)
                }
                (Some(Field::Long(value) | Field::TimestampMillis(value)), _) => {
                    ValueRef::Int64(*value)
                }
                (Some(Field::Float(value)), _) => ValueRef::Float32(*value),
                (Some(Field::Double(value)), _) => ValueRef::Float64(*value),
                (Some(Field::Str(text)), ColumnType::Text) => ValueRef::Text(text),
                _ => ValueRef::Null,
            };
            if !expected.set(self.schema, place, value) {
                expected.set(self.schema, place, of.default_value().as_ref());
            }
        }
        expected
    }

    fn has_constants(&self) -> bool {
        self.columns.iter().all(|column| match &column.source {
            Source::Constant(text) => {
                matches!(self.field(&column.name), Some(Field::Str(found)) if found == text)
            }
            _ => true,
        })
    }
}
